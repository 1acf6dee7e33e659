import { Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { inTransaction } from '../sql/transaction.js';
import { failureCode, isTransient } from '../sql/transient-failure.js';
import { delayAfter } from './backoff.js';
import { type InboxConsumerOptions, handleOne, parseMessage } from './inbox-handler.js';
import type { HeldRow, InboxStatements } from './inbox-statements.js';
import { parkedMessageOf } from './parked-messages.js';

const ATTEMPTS_BEFORE_PARKING = 10;
const POLL_MS = 500;
/** While nothing is held, as far as is known: then only what another instance left behind can be found. */
const IDLE_ROUNDS = 10;
const EXCHANGES_A_ROUND = 50;
/** Exchanges tried side by side: a slow one takes up one of these, and a service's other connections are left to its work. */
const LANES = 3;
/** Longer than any statement or call may take: only a handler that never ends reaches it. */
const ATTEMPT_LIMIT_MS = 30_000;

type Outcome = 'done' | 'again-later' | 'empty';

/**
 * Messages that failed, each exchange a queue: its first message is tried again with growing pauses and, after so many
 * attempts, parked for an operator; those behind wait, other exchanges do not. A failure that is not the message's puts
 * off the next attempt, longer each time, and is none of those.
 */
export class HeldQueue<T> {
  private readonly logger = new Logger(HeldQueue.name);
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<unknown> | undefined;
  private pausing = false;
  private idleRounds = 0;

  constructor(
    private readonly options: InboxConsumerOptions<T>,
    private readonly sql: InboxStatements,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => {
      if (this.idleRounds > 0) {
        this.idleRounds -= 1;
        return;
      }
      this.round ??= this.look()
        .catch((error: unknown) => {
          this.logger.warn(`held messages of ${this.options.consumer} are tried later after ${failureCode(error)}`);
        })
        .finally(() => {
          this.round = undefined;
        });
    }, this.options.heldPollMs ?? POLL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.round;
  }

  /** Something was held: looks again soon. */
  notice(): void {
    this.idleRounds = 0;
  }

  /** Messages held or queued behind one, parked ones included: the backlog that backpressure looks at. */
  async size(): Promise<number> {
    const { rows } = await this.options.pool.query<{ waiting: number }>({
      ...this.sql.waiting,
      values: [this.options.consumer],
    });
    return rows[0]?.waiting ?? 0;
  }

  /**
   * Tries every exchange whose first message is due, each until one fails or none is left. Returns how many succeeded. Throws
   * once all were tried, where what became of one could not be stored.
   */
  async retryDue(): Promise<number> {
    const { rows } = await this.options.pool.query<{ exchange_id: string }>({
      ...this.sql.dueExchanges,
      values: [this.options.consumer, EXCHANGES_A_ROUND],
    });
    const due = rows.values();
    const failures: unknown[] = [];
    let done = 0;
    const lane = async (): Promise<void> => {
      for (const { exchange_id } of due) {
        try {
          // Not in one expression: the other lanes count meanwhile.
          const succeeded = await this.tryExchange(exchange_id);
          done += succeeded;
        } catch (error) {
          failures.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    if (failures.length > 0) throw failures[0];
    return done;
  }

  /** Tries what is due of one exchange. Returns how many succeeded. */
  async tryExchange(exchangeId: string): Promise<number> {
    let done = 0;
    while ((await this.retryFirst(exchangeId)) === 'done') done += 1;
    return done;
  }

  /** Of one message that was held: undefined once it was worked on or given up, else its last failure, if it had one. */
  async waiting(eventId: string): Promise<{ readonly failure: string | null } | undefined> {
    const { rows } = await this.options.pool.query<{ failure: string | null }>({
      ...this.sql.heldEvent,
      values: [this.options.consumer, eventId],
    });
    return rows[0];
  }

  private async look(): Promise<void> {
    this.idleRounds = IDLE_ROUNDS;
    const before = await this.size();
    if (before > 0) {
      this.idleRounds = 0;
      await this.retryDue();
    }
    await this.regulate(before === 0 ? 0 : await this.size());
  }

  private async regulate(waiting: number): Promise<void> {
    const { backpressure, consumer } = this.options;
    if (!backpressure) return;
    if (!this.pausing && waiting > backpressure.limit) {
      this.pausing = true;
      this.logger.error(`${consumer} holds ${waiting} messages and stops taking more`);
      await backpressure.log.pause();
    } else if (this.pausing && waiting <= backpressure.limit / 2) {
      this.pausing = false;
      this.logger.log(`${consumer} takes messages again`);
      backpressure.log.resume();
    }
  }

  private async retryFirst(exchangeId: string): Promise<Outcome> {
    const { pool, attemptLimitMs = ATTEMPT_LIMIT_MS } = this.options;
    try {
      const attempt = async (client: PoolClient): Promise<Outcome> => {
        const row = await this.first(client, exchangeId);
        if (!row) return 'empty';
        if (row.parked_at !== null || !row.due) return 'again-later';
        await handleOne(this.options, client, this.parse(row));
        await client.query({ ...this.sql.release, values: [row.id] });
        return 'done';
      };
      const outcome = await inTransaction(pool, attempt, attemptLimitMs);
      if (outcome === 'done') this.options.afterCommit?.();
      return outcome;
    } catch (error) {
      if (isTransient(error)) await this.putOff(exchangeId, failureCode(error));
      else await this.postpone(exchangeId, failureCode(error));
      return 'again-later';
    }
  }

  private async putOff(exchangeId: string, failure: string): Promise<void> {
    await inTransaction(this.options.pool, async (client) => {
      const row = await this.first(client, exchangeId);
      if (!row || row.parked_at !== null || !row.due) return;
      const pause = delayAfter(row.deferrals + 1, this.options.backoff);
      await client.query({ ...this.sql.putOff, values: [row.id, failure, pause] });
    });
  }

  private async postpone(exchangeId: string, failure: string): Promise<void> {
    const parked = await inTransaction(this.options.pool, async (client) => {
      const row = await this.first(client, exchangeId);
      // Another worker or the operator was faster.
      if (!row || row.parked_at !== null || !row.due) return false;
      const attempts = row.attempts + 1;
      const parks = attempts >= (this.options.attemptsBeforeParking ?? ATTEMPTS_BEFORE_PARKING);
      await client.query({
        ...this.sql.postpone,
        values: [row.id, attempts, failure, delayAfter(attempts, this.options.backoff), parks],
      });
      if (parks)
        await this.options.onParked?.(
          client,
          parkedMessageOf({ ...row, consumer: this.options.consumer, attempts, last_failure: failure }),
        );
      return parks;
    });
    if (!parked) return;
    this.logger.error(`a message of exchange ${exchangeId} is parked after ${failure}`);
    this.options.afterCommit?.();
  }

  private async first(client: PoolClient, exchangeId: string): Promise<(HeldRow & { due: boolean }) | undefined> {
    const { rows } = await client.query<HeldRow & { due: boolean }>({
      ...this.sql.firstHeld,
      values: [this.options.consumer, exchangeId],
    });
    return rows[0];
  }

  private parse(row: HeldRow) {
    const { key, value, headers, topic, partition } = row;
    const raw = { key, value, headers, offset: BigInt(row.kafka_offset), timestamp: row.sent_at };
    return parseMessage(this.options, raw, topic, partition);
  }
}
