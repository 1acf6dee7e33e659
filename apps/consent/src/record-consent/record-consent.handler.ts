import { Inject, Injectable } from '@nestjs/common';
import { type ConsentRecord, readStatement, statementHash, verifyStatement } from '#envelope';
import { type AgencyId, AppError, type Clock, type EventId, unwrap } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database, type DirectoryView, DirectoryWatch, signingKeyOf } from '#platform';
import { acceptRecord } from '../domain/accept-record.js';
import { CatalogueView } from '../infra/catalogue-view.js';
import { consentEvent } from '../infra/consent-event.js';
import { lockConsents, type StoredConsent } from '../infra/consents.js';

export interface RecordedConsent {
  readonly consentId: string;
  readonly version: number;
  readonly recordedAt: Date;
  readonly eventId: string;
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
   * Stores a consent's first or next version; the same record again is answered as before.
   *
   * @param agency of the access token; must have collected the consent and signed the record
   * @throws AppError FORBIDDEN, AGENCY_NOT_ONBOARDED, SIGNATURE_INVALID, CONSENT_INVALID, CONSENT_ID_REUSED, CONFLICT, CONSENT_WITHDRAWN
   */
  async record(agency: AgencyId, token: string): Promise<RecordedConsent> {
    const record = await this.verify(agency, token);
    const catalogue = this.catalogue.current();
    const recorded = await this.database.transaction(async (client) => {
      // The empty row first, so that two first versions at once meet at its lock.
      const created = await client.query({
        name: 'create-consent',
        text: `INSERT INTO consent.consent (consent_id, version, state, subject, changed_at)
               VALUES ($1, 0, 'active', $2, $3) ON CONFLICT DO NOTHING`,
        values: [record.id, record.subject, this.clock.now()],
      });
      const present = created.rowCount === 1 ? undefined : (await lockConsents(client, [record.id])).get(record.id);
      const same = present && sameVersion(present, record, token);
      if (same) return same;
      const now = this.clock.now();
      unwrap(acceptRecord(record, present, catalogue, now));
      const event = consentEvent({
        type: 'consent-recorded',
        record,
        state: 'active',
        actor: agency,
        at: now,
        evidence: { kind: 'consent', token },
      });
      await client.query({
        name: 'insert-consent-version',
        text: `WITH v AS (INSERT INTO consent.consent_version (consent_id, version, record, record_hash, payload, event_id, recorded_at)
                          VALUES ($1, $2, $3, $4, $5, $6, $7))
               UPDATE consent.consent SET version = $2, changed_at = $7 WHERE consent_id = $1`,
        values: [record.id, record.version, token, statementHash(token), record, event.eventId, now],
      });
      await this.outbox.enqueue(client, [event]);
      return {
        consentId: record.id,
        version: record.version,
        recordedAt: now,
        eventId: event.eventId satisfies EventId,
      };
    });
    this.relay.wake();
    return recorded;
  }

  private async verify(agency: AgencyId, token: string): Promise<ConsentRecord> {
    const read = unwrap(readStatement('consent', token));
    if (read.payload.collectingAgency !== agency)
      throw new AppError('FORBIDDEN', 'only the collecting agency records a consent');
    unwrap(this.directory.fresh());
    if (this.directory.agency(agency)?.status !== 'active') throw new AppError('AGENCY_NOT_ONBOARDED');
    const key = unwrap(await signingKeyOf(this.directory, agency, read.kid, this.clock.now()));
    return unwrap(await verifyStatement('consent', token, key));
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
