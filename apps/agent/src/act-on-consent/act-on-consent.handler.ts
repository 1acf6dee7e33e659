import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { ConsentAct, ConsentActType } from '#envelope';
import { AppError, type Clock, type ConsentId, numericDate, type Pseudonym } from '#kernel';
import { CLOCK, Database } from '#platform';
import { KnownConsents, toldConsents } from '../choose-basis/known-consents.js';
import type { Officer } from '../domain/content.js';
import { ConsentStore, type KeptConsent } from '../infra/consent-store.js';
import type { ConsentDto } from '../record-consent/consent.dto.js';
import { openedUses, shownConsent } from '../record-consent/show-consent.js';
import { type ClientIdentity, subjectOf } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { TellStatements } from '../tell-consents/tell-statements.js';

export interface Act {
  readonly act: ConsentActType;
  readonly by: ConsentAct['by'];
  readonly channel: ConsentAct['channel'];
  /** Who took it; nobody where the client acts in the own account. */
  readonly officer?: Officer;
  readonly client?: ClientIdentity;
  /** The client by pseudonym, where no identity code is kept. */
  readonly subject?: Pseudonym;
  readonly decider?: ClientIdentity | Pseudonym;
  readonly reason?: string;
}

/** By whom an act was taken that the client did alone. */
const OWN_ACCOUNT = 'own account';

/** Acts about consents, at any agency that is a party. Signed and kept first: with the hub away they are told later. */
@Injectable()
export class ActOnConsent {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ConsentStore) private readonly consents: ConsentStore,
    @Inject(KnownConsents) private readonly known: KnownConsents,
    @Inject(TellStatements) private readonly statements: TellStatements,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Answered once it holds, with the instant and what had been opened before; with the hub away it is kept, and a withdrawal
   * is shown as `withdrawing`.
   *
   * @throws AppError NOT_FOUND, CONFLICT (withdrawn before), MALFORMED (a person's act with a reason, or a decider who is not
   * named), and the hub's refusals
   */
  async act(agency: ServedAgency, id: ConsentId, told: Act): Promise<ConsentDto> {
    const { act, by, channel, officer, decider, reason } = told;
    if (reason !== undefined && by !== 'authority') throw new AppError('MALFORMED', 'a person gives no reasons');
    if ((by === 'decider') !== (decider !== undefined) && act !== 'verify-mandate')
      throw new AppError('MALFORMED', 'the decider is named where one acts');
    const consent = (await this.consents.find(agency.id, id)) ?? (await this.anothers(agency, id, told));
    if (consent.state === 'withdrawn') throw new AppError('CONFLICT', 'it is withdrawn already');
    const token = await this.statements.sign(agency, 'consent-act', {
      v: 1,
      consentId: id,
      version: consent.version,
      act,
      by,
      ...(decider === undefined
        ? {}
        : { decider: typeof decider === 'string' ? decider : subjectOf(agency, decider).pseudonym }),
      channel,
      agency: agency.id,
      worker: agency.workerPseudonym(officer?.name ?? OWN_ACCOUNT),
      ...(reason === undefined ? {} : { reason }),
      jti: randomUUID(),
      iat: numericDate(this.clock.now()),
    });
    const { version } = consent;
    const seq = await this.database.transaction(async (transaction) => {
      if (act === 'withdraw') await this.consents.mark(transaction, agency.id, id, version, 'withdrawing');
      return this.statements.keep(transaction, agency, { kind: 'consent-act', consentId: id, version, act, token });
    });
    const kept = await this.statements.tellNow(agency, seq);
    const shown = shownConsent(await this.own(agency, id));
    return kept.state === 'told' ? { ...shown, opened: openedUses(kept.answer) } : shown;
  }

  private async own(agency: ServedAgency, id: ConsentId): Promise<KeptConsent> {
    const consent = await this.consents.find(agency.id, id);
    if (!consent) throw new AppError('NOT_FOUND');
    return consent;
  }

  /** A consent that another agency collected and of which this one is a party: kept here from now on. */
  private async anothers(
    agency: ServedAgency,
    id: ConsentId,
    { act, client, subject = client && subjectOf(agency, client).pseudonym }: Pick<Act, 'act' | 'client' | 'subject'>,
  ): Promise<KeptConsent> {
    if (!subject) throw new AppError('NOT_FOUND', 'name the client for a consent that another agency collected');
    // For what ends or stops it, the hub's word is enough that it is this client's.
    const about = ['withdraw', 'suspend'].includes(act)
      ? toldConsents(await agency.hub.consentsOf(subject))
      : (await this.known.about(agency, subject)).consents;
    const known = about
      .filter((consent) => consent.id === id)
      .sort((a, b) => a.version - b.version)
      .at(-1);
    if (!known) throw new AppError('NOT_FOUND');
    const { record, token } = known;
    await this.consents.add(this.database, agency.id, {
      record,
      token,
      state: 'recorded',
      ...(client === undefined ? {} : { client }),
      at: this.clock.now(),
    });
    return this.own(agency, id);
  }
}
