import { Inject, Injectable } from '@nestjs/common';
import { readStatement, thumbprintOf } from '#envelope';
import { AppError, type Clock, type Thumbprint, unwrap } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database } from '#platform';
import { type TrustedKey, type TrustedRecord, trustRecord } from '../domain/key-trust.js';
import { keysOf, lockAgency } from '../infra/agencies-store.js';
import { directoryEvent } from '../infra/directory-event.js';

/** Forgiven to agencies' clocks. */
const SKEW_MS = 60_000;
/** More than an agency ever has to publish at once. */
const MAX_RECORDS = 16;

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
   * logged them. A record of a key that is known already is passed over.
   *
   * @throws AppError AGENCY_NOT_ONBOARDED, KEY_UNTRUSTED, SIGNATURE_INVALID, MALFORMED, CONFLICT (the key has another use)
   */
  async publish(tokens: readonly string[]): Promise<Thumbprint[]> {
    const posted = await Promise.all(tokens.map(readRecord));
    const [first] = posted;
    if (!first || posted.length > MAX_RECORDS) throw new AppError('MALFORMED', 'a post has 1 to 16 records');
    const { agency } = first.record;
    if (posted.some(({ record }) => record.agency !== agency))
      throw new AppError('MALFORMED', 'the records are of several agencies');
    await this.database.transaction(async (client) => {
      const registered = await lockAgency(client, agency);
      if (!registered || registered.status === 'suspended') throw new AppError('AGENCY_NOT_ONBOARDED');
      const now = this.clock.now();
      const known = await keysOf(client, agency);
      const trusted: TrustedKey[] = known.filter(({ revokedAt, notAfter }) => !revokedAt && now < notAfter);
      const uses = new Map(known.map(({ kid, use }) => [kid, use]));
      const fresh: TrustedRecord[] = [];
      for (const { token, kid, record } of posted) {
        const use = uses.get(kid);
        if (use !== undefined && use !== record.use) throw new AppError('CONFLICT', 'one key has one use');
        if (use !== undefined) continue;
        // One after the other: a record may be vouched for by the one before it.
        const accepted = unwrap(await trustRecord(token, registered.firstKey, trusted));
        if (new Date(record.notAfter) <= now || record.iat * 1000 > now.getTime() + SKEW_MS)
          throw new AppError('MALFORMED', 'the record is past or from the future');
        const { supersedes } = record;
        if (supersedes && !known.some(({ kid: earlier, use: as }) => earlier === supersedes.kid && as === record.use))
          throw new AppError('MALFORMED', 'the record supersedes no key of its use');
        if (supersedes && Date.parse(supersedes.until) < now.getTime() - SKEW_MS)
          throw new AppError('MALFORMED', 'the record ends a key in the past');
        fresh.push(accepted);
        trusted.push({ kid, use: record.use, jwk: record.jwk });
        uses.set(kid, record.use);
      }
      if (fresh.length === 0) return;
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
        text: `INSERT INTO directory.agency_key (agency, kid, use, jwk, not_before, not_after, record, event_id, supersedes,
                 superseded_from, published_at)
               SELECT $1, *, $11::timestamptz
               FROM unnest($2::text[], $3::text[], $4::jsonb[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::timestamptz[])`,
        values: [
          agency,
          fresh.map(({ kid }) => kid),
          fresh.map(({ record }) => record.use),
          fresh.map(({ record }) => JSON.stringify(record.jwk)),
          fresh.map(({ record }) => record.notBefore),
          fresh.map(({ record }) => record.notAfter),
          fresh.map(({ token }) => token),
          events.map(({ eventId }) => eventId),
          fresh.map(({ record }) => record.supersedes?.kid ?? null),
          fresh.map(({ record }) => record.supersedes?.until ?? null),
          now,
        ],
      });
      await this.outbox.enqueue(client, events);
    });
    this.relay.wake();
    return posted.map(({ kid }) => kid);
  }
}

async function readRecord(token: string): Promise<TrustedRecord> {
  const { payload: record } = unwrap(readStatement('agency-key', token));
  return { token, record, kid: await thumbprintOf(record.jwk) };
}
