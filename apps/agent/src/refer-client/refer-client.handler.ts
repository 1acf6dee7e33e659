import { Inject, Injectable } from '@nestjs/common';
import { dayInHelsinki } from '#calendar';
import type { Basis } from '#envelope';
import { type Clock, newExchangeId, type Pseudonym } from '#kernel';
import { CLOCK, Database } from '#platform';
import { chooseBasis } from '../domain/choose-basis.js';
import { FindConsents } from '../choose-basis/find-consents.js';
import type { OpenedExchangeDto } from '../describe-api/shared.dto.js';
import type { ReferralContent } from '../domain/content.js';
import { ExchangeStore } from '../infra/exchange-store.js';
import { OutboxStore } from '../infra/outbox-store.js';
import { Directory } from '../look-up-directory/directory.js';
import { Wakeup } from '../run-agent/wakeup.js';
import { SealOutgoing, subjectOf } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import type { ReferDto } from './refer-client.dto.js';

/** Refers a client to another agency: a disclosure by an official, on a basis of its own. */
@Injectable()
export class ReferClient {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(FindConsents) private readonly consents: FindConsents,
    @Inject(SealOutgoing) private readonly sealOutgoing: SealOutgoing,
    @Inject(OutboxStore) private readonly outbox: OutboxStore,
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError IDENTITY_CODE_INVALID, NO_BASIS, SCHEMA_INVALID, RECIPIENT_UNKNOWN … */
  async refer(agency: ServedAgency, referral: ReferDto): Promise<OpenedExchangeDto> {
    const at = this.clock.now();
    const content = await this.contentOf(referral, dayInHelsinki(at));
    const subject = subjectOf(agency, referral.client);
    const categories = content.items.map(({ category }) => category).sort((a, b) => a - b);
    const basis = await this.basisFor(agency, referral, categories, subject.pseudonym, at);
    const exchangeId = newExchangeId();
    const sealed = await this.sealOutgoing.seal(agency, {
      exchangeId,
      kind: 'referral',
      recipient: referral.recipient,
      subjects: [subject],
      purpose: referral.purpose,
      categories,
      basis,
      content,
    });
    if (!sealed.ok) throw sealed.error;
    await this.database.transaction(async (client) => {
      await this.exchanges.open(client, agency.id, {
        id: exchangeId,
        role: 'asker',
        counterpart: referral.recipient,
        openedBy: 'referral',
        subjects: [subject.pseudonym],
        purpose: referral.purpose,
        categories,
        caseNumber: referral.caseNumber,
        opening: agency.settings.opening,
        state: 'open',
        code: null,
        request: null,
        forwardedFrom: null,
        forwardedTo: null,
        createdAt: at,
      });
      await this.outbox.add(client, sealed.value, at);
    });
    this.wakeup.notify(agency.id, 'send');
    return { exchangeId, messageId: sealed.value.messageId, recipient: referral.recipient, categories, basis };
  }

  private async contentOf(referral: ReferDto, today: string): Promise<ReferralContent> {
    const { check } = await this.directory.catalogue();
    for (const { category, content } of referral.items) {
      const valid = check(category, content);
      if (!valid.ok) throw valid.error;
    }
    return {
      type: 'referral',
      reason: referral.reason,
      items: referral.items.map(({ category, content, asOf, source }) => ({
        category,
        outcome: 'given',
        content,
        asOf: asOf ?? today,
        source: source ?? referral.officer.unit,
      })),
      caseNumber: referral.caseNumber,
      officer: referral.officer,
    };
  }

  /** Of what is handed over the receiver is the asker, as the catalogue's scopes see it, and this agency the holder. */
  private async basisFor(
    agency: ServedAgency,
    { recipient, purpose, consentId }: ReferDto,
    categories: readonly number[],
    subject: Pseudonym,
    at: Date,
  ): Promise<Basis[]> {
    const { catalogue } = await this.directory.catalogue();
    const named = consentId ? await this.consents.named(agency, consentId, subject) : undefined;
    const question = {
      catalogue,
      asker: recipient,
      holder: agency.id,
      categories,
      purpose,
      day: dayInHelsinki(at),
      at,
      subjects: [subject],
    };
    const byStatute = chooseBasis({ ...question, consents: [], ...(named ? { named } : {}) });
    if (byStatute.ok) return taken(byStatute);
    return taken(chooseBasis({ ...question, ...(await this.consents.inForce(agency, [subject])) }));
  }
}

const taken = (basis: ReturnType<typeof chooseBasis>): Basis[] => {
  if (!basis.ok) throw basis.error;
  return basis.value;
};
