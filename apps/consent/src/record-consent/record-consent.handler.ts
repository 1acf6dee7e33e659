import { Inject, Injectable } from '@nestjs/common';
import { type ConsentRecord, statementHash } from '#envelope';
import { type AgencyId, AppError, type Clock, type EventId, unwrap } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database, type DirectoryView, DirectoryWatch } from '#platform';
import { acceptRecord, isRenamed } from '../domain/accept-record.js';
import { transitions } from '../domain/consent-state.js';
import { verifyByAgency } from '../infra/agency-statement.js';
import { CatalogueView } from '../infra/catalogue-view.js';
import { consentEvent } from '../infra/consent-event.js';
import { createMatter, insertVersion, lockMatters, type StoredConsent } from '../infra/consents.js';
import { excludedDeciders } from '../infra/subjects.js';

export interface RecordedConsent {
  readonly consentId: string;
  readonly version: number;
  readonly recordedAt: Date;
  readonly eventId: EventId;
}

@Injectable()
export class RecordConsent {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DirectoryWatch) private readonly directory: DirectoryView,
    @Inject(CatalogueView) private readonly catalogue: CatalogueView,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Stores a consent's first or next version; the same record again is answered as before. What was proposed becomes active;
   * a version before this one is superseded, with an entry of its own.
   *
   * @param agency of the access token; must have collected the consent and signed the record
   * @throws AppError as `verifyByAgency` and `acceptRecord`
   */
  async record(agency: AgencyId, token: string): Promise<RecordedConsent> {
    const record = await verifyByAgency({ directory: this.directory, clock: this.clock }, 'consent', token, agency, {
      signerOf: ({ collectingAgency }) => collectingAgency,
    });
    const catalogue = this.catalogue.current();
    const recorded = await this.database.transaction(async (client) => {
      const created = await createMatter(client, {
        id: record.id,
        subject: record.subject,
        state: 'active',
        endsAt: record.validUntil,
        at: this.clock.now(),
      });
      const matter = (await lockMatters(client, [record.id])).get(record.id);
      // Kept when the log told of its end: nothing but the id is left of it.
      if (!created && !matter) throw new AppError('CONSENT_INACTIVE', 'the log says that this consent has ended');
      const same = matter?.consent && sameVersion(matter.consent, record, token);
      if (same) return same;
      const renamed = matter?.consent !== undefined && isRenamed(matter.consent.record, record);
      const before = renamed ? [matter.consent.record.subject] : [];
      const excluded = await excludedDeciders(client, [record.subject, ...before]);
      const now = this.clock.now();
      const known = {
        ...(matter?.consent && { present: matter.consent }),
        ...(matter?.proposal && { asked: { ...matter.proposal, state: matter.state } }),
        excluded,
      };
      unwrap(acceptRecord(record, known, catalogue, now));
      const fact = { terms: record, actor: { agency }, at: now, evidence: { kind: 'consent', token } } as const;
      const event = consentEvent({
        ...fact,
        type: transitions.record.event,
        version: record.version,
        state: transitions.record.to,
      });
      const superseded =
        matter?.consent &&
        consentEvent({
          ...fact,
          type: 'consent-superseded',
          terms: matter.consent.record,
          version: matter.version,
          state: 'superseded',
        });
      const version = {
        record,
        token,
        recordHash: statementHash(token),
        recordEventId: event.eventId,
        recordedAt: now,
      };
      await insertVersion(client, version, renamed);
      await this.outbox.enqueue(client, superseded ? [superseded, event] : [event]);
      return { consentId: record.id, version: record.version, recordedAt: now, eventId: event.eventId };
    });
    this.relay.wake();
    return recorded;
  }
}

function sameVersion(present: StoredConsent, record: ConsentRecord, token: string): RecordedConsent | undefined {
  if (present.version !== record.version) return undefined;
  if (present.recordHash !== statementHash(token)) throw new AppError('CONSENT_ID_REUSED');
  return {
    consentId: present.id,
    version: present.version,
    recordedAt: present.recordedAt,
    eventId: present.recordEventId,
  };
}
