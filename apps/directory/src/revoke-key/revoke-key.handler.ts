import { Inject, Injectable } from '@nestjs/common';
import { importVerificationKey, mayRevoke, readStatement, verifyStatement } from '#envelope';
import { AppError, type Clock, unwrap } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database } from '#platform';
import { bumpVersion, keysOf, lockAgency } from '../infra/agencies-store.js';
import { directoryEvent } from '../infra/directory-event.js';
import { SnapshotFeed } from '../watch-snapshot/snapshot-feed.js';

/** Forgiven to agencies' clocks. */
const SKEW_MS = 60_000;

@Injectable()
export class RevokeKey {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(SnapshotFeed) private readonly feed: SnapshotFeed,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Revokes a key at once: it is out of use with the next snapshot, whatever `at` says of earlier times. Revoking again is
   * answered as before.
   *
   * @throws AppError NOT_FOUND, SIGNATURE_INVALID (signed by neither a signing nor the recovery key), MALFORMED (it is to
   *   count from a moment to come, which readers of the log would believe)
   */
  async revoke(token: string): Promise<Date> {
    const { kid: signer, payload } = unwrap(readStatement('agency-key-revocation', token));
    const revokedAt = await this.database.transaction(async (client) => {
      if (!(await lockAgency(client, payload.agency))) throw new AppError('NOT_FOUND');
      const keys = await keysOf(client, payload.agency);
      const key = keys.find(({ kid }) => kid === payload.kid);
      if (!key) throw new AppError('NOT_FOUND');
      const voucher = keys.find(({ kid, use, revokedAt: gone }) => kid === signer && mayRevoke(use, key.use) && !gone);
      if (key.revokedAt) return key.revokedAt;
      if (!voucher) throw new AppError('SIGNATURE_INVALID');
      unwrap(await verifyStatement('agency-key-revocation', token, unwrap(await importVerificationKey(voucher.jwk))));
      const now = this.clock.now();
      if (Date.parse(payload.at) > now.getTime() + SKEW_MS)
        throw new AppError('MALFORMED', 'a key is revoked at once, not later');
      const event = directoryEvent({
        type: 'key-revoked',
        clear: { type: 'agency-key-revocation', record: token },
        at: now,
        agency: payload.agency,
        evidence: { kind: 'agency-key-revocation', token },
      });
      await client.query({
        text: `WITH r AS (INSERT INTO directory.key_revocation (agency, kid, statement, revoked_at, event_id)
                          VALUES ($1, $2, $3, $4, $5))
               UPDATE directory.agency_key SET revoked_at = $4 WHERE agency = $1 AND kid = $2`,
        values: [payload.agency, payload.kid, token, now, event.eventId],
      });
      await bumpVersion(client);
      await this.outbox.enqueue(client, [event]);
      return now;
    });
    this.relay.wake();
    await this.feed.refresh();
    return revokedAt;
  }
}
