import { Inject, Injectable } from '@nestjs/common';
import { statementHash } from '#envelope';
import { type AgencyId, type Clock, type EventId, unwrap } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database, type DirectoryView, DirectoryWatch } from '#platform';
import { transitions } from '../domain/consent-state.js';
import { acceptRenamedProposal } from '../domain/accept-record.js';
import { acceptProposal } from '../domain/proposal-rules.js';
import { verifyByAgency } from '../infra/agency-statement.js';
import { CatalogueView } from '../infra/catalogue-view.js';
import { consentEvent } from '../infra/consent-event.js';
import { createMatter, insertProposal, lockMatters } from '../infra/consents.js';

export interface ProposedConsent {
  readonly consentId: string;
  readonly recordedAt: Date;
  readonly eventId: EventId;
}

@Injectable()
export class ProposeConsent {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DirectoryWatch) private readonly directory: DirectoryView,
    @Inject(CatalogueView) private readonly catalogue: CatalogueView,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Stores what an agency asks a client to agree to; the same proposal again is answered as before. It is a basis for nothing.
   * An open one may come again word for word with its person named under a later pseudonym key (decision 0023).
   *
   * @throws AppError as `verifyByAgency` and `acceptProposal`; CONSENT_ID_REUSED, CONSENT_INACTIVE (answered, or ended),
   * CONSENT_PROPOSAL_LAPSED
   */
  async propose(agency: AgencyId, token: string): Promise<ProposedConsent> {
    const proposal = await verifyByAgency(
      { directory: this.directory, clock: this.clock },
      'consent-proposal',
      token,
      agency,
      { signerOf: ({ collectingAgency }) => collectingAgency },
    );
    const catalogue = this.catalogue.current();
    const { id, subject, lapsesAt } = proposal;
    const hash = statementHash(token);
    const proposed = await this.database.transaction(async (client) => {
      const state = transitions.propose.to;
      const created = await createMatter(client, { id, subject, state, endsAt: lapsesAt, at: this.clock.now() });
      const matter = created ? undefined : (await lockMatters(client, [id])).get(id);
      const before = matter?.proposal;
      if (before?.hash === hash) return { consentId: id, recordedAt: before.recordedAt, eventId: before.eventId };
      const now = this.clock.now();
      if (created) unwrap(acceptProposal(proposal, catalogue, now));
      else unwrap(acceptRenamedProposal(proposal, matter, now));
      const event = consentEvent({
        type: transitions.propose.event,
        terms: proposal,
        version: 0,
        state,
        actor: { agency },
        at: now,
        evidence: { kind: 'consent-proposal', token },
      });
      const stored = { token, hash, payload: proposal, eventId: event.eventId, recordedAt: now };
      await insertProposal(client, stored);
      await this.outbox.enqueue(client, [event]);
      return { consentId: id, recordedAt: now, eventId: event.eventId };
    });
    this.relay.wake();
    return proposed;
  }
}
