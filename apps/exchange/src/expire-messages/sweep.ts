import { type Clock, type ErrorCode, type ExchangeId, type Sha256, isAgencyId } from '#kernel';
import type { Queryable } from '#messaging';
import type { Database, DirectoryView } from '#platform';
import { eventOfPassedDeadline, isLate } from '../domain/exchange-state.js';
import { isUnopened } from '../domain/message-state.js';
import { endingForCode } from '../domain/settle-message.js';
import { ExchangeLedger, type LedgerParts } from '../infra/exchange-ledger.js';

const BATCH = 200;

interface Due {
  readonly manifest_hash: Sha256;
  readonly exchange_id: ExchangeId;
}

/** What time or a revoked key brings to an end. Run again and again; several instances do not harm each other. */
export class Sweep {
  constructor(
    private readonly parts: {
      readonly database: Database;
      readonly ledger: LedgerParts;
      readonly directory: DirectoryView;
      readonly clock: Clock;
      readonly afterCommit: () => void;
    },
  ) {}

  /** Takes everything that is due. Returns how many messages and exchanges have ended. */
  async run(): Promise<number> {
    let ended = 0;
    const steps = [
      () => this.endMessages(),
      () => this.endUndeliverable(),
      () => this.endExchanges(),
      () => this.deleteBodies(),
    ];
    for (const step of steps) {
      for (;;) {
        const { found, done } = await step();
        ended += done;
        // A full batch of which nothing could be done would come again for ever.
        if (found < BATCH || done === 0) break;
      }
    }
    return ended;
  }

  /** Past their exp, or waiting for a release to fail whose time is over. */
  private async endMessages(): Promise<{ found: number; done: number }> {
    const now = this.parts.clock.now();
    const { rows } = await this.parts.database.query<Due>({
      name: 'exchange.due-messages',
      text: `(SELECT manifest_hash, exchange_id FROM exchange.messages
              WHERE state IN ('available', 'delivered') AND expires_at <= $1
                AND (releasing_until IS NULL OR releasing_until <= $1)
              ORDER BY expires_at LIMIT $2)
             UNION
             (SELECT manifest_hash, exchange_id FROM exchange.messages
              WHERE state IN ('available', 'delivered') AND ends_with IS NOT NULL
                AND (releasing_until IS NULL OR releasing_until <= $1)
              ORDER BY changed_at LIMIT $2)`,
      values: [now, BATCH],
    });
    return this.end(rows, now, (endsWith) => endsWith ?? 'MESSAGE_EXPIRED');
  }

  private async endUndeliverable(): Promise<{ found: number; done: number }> {
    const now = this.parts.clock.now();
    const revoked = this.parts.directory
      .agencies()
      .flatMap(({ id }) => (isAgencyId(id) ? this.parts.directory.keysOf(id) : []))
      .filter(({ use, revokedAt }) => use === 'receiving' && revokedAt !== undefined && revokedAt <= now)
      .map(({ kid }) => kid);
    if (revoked.length === 0) return { found: 0, done: 0 };
    const { rows } = await this.parts.database.query<Due>({
      name: 'exchange.undeliverable',
      text: `SELECT manifest_hash, exchange_id FROM exchange.messages
             WHERE state IN ('available', 'delivered') AND recipient_key = ANY($1::text[])
               AND (releasing_until IS NULL OR releasing_until <= $2)
             LIMIT $3`,
      values: [revoked, now, BATCH],
    });
    return this.end(rows, now, () => 'KEY_REVOKED');
  }

  private async end(
    due: readonly Due[],
    now: Date,
    codeOf: (endsWith: ErrorCode | undefined) => ErrorCode,
  ): Promise<{ found: number; done: number }> {
    if (due.length === 0) return { found: 0, done: 0 };
    const done = await this.transaction(due, now, async (ledger) => {
      await ledger.load(due.map(({ manifest_hash }) => manifest_hash));
      let ended = 0;
      for (const { manifest_hash } of due) {
        const message = ledger.message(manifest_hash);
        // A release may have begun since the look without a lock.
        if (!message || !isUnopened(message.state) || (message.releasingUntil && message.releasingUntil > now))
          continue;
        const code = codeOf(message.endsWith);
        if (ledger.end(message, endingForCode(code), code)) ended += 1;
      }
      return ended;
    });
    return { found: due.length, done };
  }

  private async endExchanges(): Promise<{ found: number; done: number }> {
    const now = this.parts.clock.now();
    const { rows } = await this.parts.database.query<Due>({
      name: 'exchange.due-exchanges',
      text: `SELECT id AS exchange_id, opening_message AS manifest_hash FROM exchange.exchanges
             WHERE state = 'open' AND deadline < $1 ORDER BY deadline LIMIT $2`,
      values: [now, BATCH],
    });
    if (rows.length === 0) return { found: 0, done: 0 };
    const done = await this.transaction(rows, now, async (ledger) => {
      await ledger.load(rows.map(({ manifest_hash }) => manifest_hash));
      let ended = 0;
      for (const { exchange_id, manifest_hash } of rows) {
        const exchange = ledger.exchange(exchange_id);
        const opening = ledger.message(manifest_hash);
        if (!exchange || !opening || exchange.state !== 'open' || !isLate(exchange, now)) continue;
        ended += 1;
        const event = eventOfPassedDeadline(exchange.openedBy);
        if (event === 'receive') {
          const fact = ledger.moveExchange(exchange, event, opening);
          ledger.notify([exchange.asker], ledger.outcomeOf(opening, 'closed'), fact);
        } else {
          const fact = ledger.moveExchange(exchange, event, opening, 'DEADLINE_PASSED');
          const outcome = ledger.outcomeOf(opening, 'expired', 'DEADLINE_PASSED');
          ledger.notify([exchange.asker, exchange.holder], outcome, fact);
        }
      }
      return ended;
    });
    return { found: rows.length, done };
  }

  /** Ciphertext of opened messages is kept for repeated opening until their exp. */
  private async deleteBodies(): Promise<{ found: number; done: number }> {
    const { rowCount } = await this.parts.database.query({
      name: 'exchange.delete-expired-bodies',
      text: `DELETE FROM exchange.message_bodies WHERE manifest_hash IN (
               SELECT manifest_hash FROM exchange.message_bodies JOIN exchange.messages USING (manifest_hash)
               WHERE message_bodies.expires_at <= $1 AND state NOT IN ('available', 'delivered')
               ORDER BY message_bodies.expires_at LIMIT $2)`,
      values: [this.parts.clock.now(), BATCH],
    });
    return { found: rowCount ?? 0, done: rowCount ?? 0 };
  }

  private async transaction(
    due: readonly Due[],
    now: Date,
    work: (ledger: ExchangeLedger) => Promise<number>,
  ): Promise<number> {
    const done = await this.parts.database.transaction(async (client: Queryable) => {
      const ledger = await ExchangeLedger.lock(
        client,
        this.parts.ledger,
        due.map(({ exchange_id }) => exchange_id),
        now,
      );
      const count = await work(ledger);
      await ledger.flush();
      return count;
    });
    this.parts.afterCommit();
    return done;
  }
}
