import { type Result, AppError, err, ok } from '#kernel';
import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../sql/transaction.js';
import { inboxStatements, type HeldRow, type InboxStatements } from './inbox-statements.js';

/** A message that only an operator can move on. The exchange's later messages wait behind it. */
export interface ParkedMessage {
  readonly id: string;
  readonly consumer: string;
  readonly exchangeId: string;
  readonly eventId: string;
  readonly topic: string;
  readonly attempts: number;
  /** Code or class of the last failure. */
  readonly failure: string;
  readonly heldAt: Date;
}

/** The same with the raw record, for the app that gives the message its final state when it is discarded. */
export interface DiscardedMessage extends ParkedMessage {
  readonly key: string;
  readonly value: Buffer;
}

export interface ListedMessage extends ParkedMessage {
  readonly parkedAt: Date;
  /** How many messages of the exchange wait behind it. */
  readonly behind: number;
}

type ParkedRow = Pick<
  HeldRow,
  'id' | 'exchange_id' | 'event_id' | 'topic' | 'attempts' | 'last_failure' | 'held_at' | 'parked_at'
> & { readonly consumer: string };

export const parkedMessageOf = (row: ParkedRow): ParkedMessage => ({
  id: row.id,
  consumer: row.consumer,
  exchangeId: row.exchange_id,
  eventId: row.event_id,
  topic: row.topic,
  attempts: row.attempts,
  failure: row.last_failure ?? 'UNKNOWN',
  heldAt: row.held_at,
});

export interface ParkedMessagesOptions {
  readonly pool: Pool;
  readonly schema: string;
  /** In the transaction of a retry or a discard, so that the app's audit event is written with it. */
  readonly onRetried?: (client: PoolClient, id: string) => Promise<void>;
  readonly onDiscarded?: (client: PoolClient, message: DiscardedMessage, reason: string) => Promise<void>;
  readonly afterCommit?: () => void;
}

/** What an operator can do with the parked messages of a schema. */
export class ParkedMessages {
  private readonly sql: InboxStatements;

  constructor(private readonly options: ParkedMessagesOptions) {
    this.sql = inboxStatements(options.schema);
  }

  async listParked(limit = 100): Promise<ListedMessage[]> {
    const { rows } = await this.options.pool.query<ParkedRow & { parked_at: Date; behind: number }>({
      ...this.sql.listParked,
      values: [limit],
    });
    return rows.map((row) => ({ ...parkedMessageOf(row), parkedAt: row.parked_at, behind: row.behind }));
  }

  /** Lets it be tried again at once, with all attempts before it. Fails with NOT_FOUND. */
  async retryParked(id: string): Promise<Result<void>> {
    return this.act(id, async (client) => {
      const { rowCount } = await client.query({ ...this.sql.retryParked, values: [id] });
      if (rowCount === 0) return false;
      await this.options.onRetried?.(client, id);
      return true;
    });
  }

  /** Gives it up, keeping it with the reason, and lets the exchange go on. Fails with NOT_FOUND. */
  async discardParked(id: string, reason: string): Promise<Result<void>> {
    if (reason.trim() === '') return err(new AppError('MALFORMED', 'a reason is required'));
    return this.act(id, async (client) => {
      const { rows } = await client.query<HeldRow & { consumer: string }>({
        ...this.sql.discardParked,
        values: [id, reason, null],
      });
      const row = rows[0];
      if (!row) return false;
      await this.options.onDiscarded?.(client, { ...parkedMessageOf(row), key: row.key, value: row.value }, reason);
      return true;
    });
  }

  private async act(id: string, action: (client: PoolClient) => Promise<boolean>): Promise<Result<void>> {
    if (!/^[1-9][0-9]{0,17}$/.test(id)) return err(new AppError('NOT_FOUND'));
    const found = await inTransaction(this.options.pool, action);
    if (!found) return err(new AppError('NOT_FOUND', 'there is no such parked message'));
    this.options.afterCommit?.();
    return ok(undefined);
  }
}
