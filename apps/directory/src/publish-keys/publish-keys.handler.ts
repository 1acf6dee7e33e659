import { Inject, Injectable } from '@nestjs/common';
import { readStatement } from '#envelope';
import { AppError, type Clock, type Thumbprint, unwrap } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database } from '#platform';
import { type TrustedRecord, trustRecord } from '../domain/key-trust.js';
import { keysOf, lockAgency } from '../infra/agencies-store.js';
import { directoryEvent } from '../infra/directory-event.js';

/** Forgiven to agencies' clocks. */
const SKEW_MS = 60_000;

@Injectable()
export class PublishKeys {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Takes key records of one agency, all or none. They become leaves of the log in clear and are usable once audit has
   * logged them. A record that is known already is passed over.
   *
   * @throws AppError AGENCY_NOT_ONBOARDED, KEY_UNTRUSTED, SIGNATURE_INVALID, MALFORMED
   */
  async publish(tokens: readonly string[]): Promise<Thumbprint[]> {
    const [first] = tokens;
    if (first === undefined) throw new AppError('MALFORMED');
    const { agency } = unwrap(readStatement('agency-key', first)).payload;
    const kids = await this.database.transaction(async (client) => {
      const registered = await lockAgency(client, agency);
      if (!registered || registered.status === 'suspended') throw new AppError('AGENCY_NOT_ONBOARDED');
      const known = await keysOf(client, agency);
      const now = this.clock.now();
      const trusted = known
        .filter(({ revokedAt }) => !revokedAt || revokedAt > now)
        .map(({ kid, use, jwk }) => ({ kid, use, jwk }));
      const accepted: TrustedRecord[] = [];
      for (const token of tokens) {
        // One after the other: a record may be vouched for by the one before it.
        const record = unwrap(await trustRecord(token, registered.firstKey, trusted));
        if (record.record.agency !== agency) throw new AppError('MALFORMED', 'the records are of several agencies');
        if (new Date(record.record.notAfter) <= now || record.record.iat * 1000 > now.getTime() + SKEW_MS)
          throw new AppError('MALFORMED', 'the record is past or from the future');
        accepted.push(record);
        trusted.push({ kid: record.kid, use: record.record.use, jwk: record.record.jwk });
      }
      const fresh = accepted.filter(({ kid }) => !known.some((key) => key.kid === kid));
      const events = fresh.map(({ token }) =>
        directoryEvent({
          type: 'key-published',
          clear: { type: 'agency-key', record: token },
          at: now,
          agency,
          evidence: { kind: 'agency-key', token },
        }),
      );
      await client.query({
        name: 'insert-keys',
        text: `INSERT INTO directory.agency_key (agency, kid, use, jwk, not_before, not_after, record, event_id, published_at)
               SELECT $1, *, $9::timestamptz FROM unnest($2::text[], $3::text[], $4::jsonb[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::text[])`,
        values: [
          agency,
          fresh.map(({ kid }) => kid),
          fresh.map(({ record }) => record.use),
          fresh.map(({ record }) => JSON.stringify(record.jwk)),
          fresh.map(({ record }) => record.notBefore),
          fresh.map(({ record }) => record.notAfter),
          fresh.map(({ token }) => token),
          events.map(({ eventId }) => eventId),
          now,
        ],
      });
      await this.outbox.enqueue(client, events);
      return accepted.map(({ kid }) => kid);
    });
    this.relay.wake();
    return kids;
  }
}
