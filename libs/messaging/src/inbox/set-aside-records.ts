import type { Pool, PoolClient } from 'pg';
import type { LogRecord, Topic } from '#contracts';
import { AppError } from '#kernel';
import type { Outbox } from '../outbox/outbox.js';
import { inTransaction } from '../sql/transaction.js';
import {
  type Discard,
  type DiscardedRecord,
  type SetAsidePlace,
  checkDiscard,
  discardFact,
} from './discarded-record.js';
import type { HeldQueue } from './held-queue.js';
import type { RetriedRecord } from './inbox-consumer.js';
import { type HeldRow, inboxStatements, type InboxStatements } from './inbox-statements.js';
import { type DiscardedMessage, parkedMessageOf } from './parked-messages.js';

/** Records that were set aside so that their partition went on. Nobody works on them but an operator. */
export interface SetAside {
  /** Whose: a topic, or what a service does with it. */
  readonly consumer: string;
  readonly place: SetAsidePlace;
  readonly count: number;
  /** Of these, how many since a day ago. */
  readonly lately: number;
}

/** One of them, without anything that it says. */
export interface SetAsideRecord {
  readonly place: SetAsidePlace;
  readonly id: string;
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly setAsideAt: Date;
  /** Of the last failure: a code, a SQLSTATE or the class of an error. */
  readonly code: string;
  /** SHA-256 of its value, base64url. */
  readonly hash: string;
  readonly retries: number;
  /** Since when it is set aside no more: it was taken by a retry. */
  readonly takenAt: Date | null;
  /** Since when it is set aside no more: an operator ended it. */
  readonly discardedAt: Date | null;
  /** Empty where nobody did. */
  readonly discardedBy: string;
  readonly reason: string;
}

/** `taken`: it has had its effect, and nothing is left to end. The event is that of the entry that says so; none where it was ended before. */
export interface EndedRecord {
  readonly result: 'discarded' | 'taken';
  readonly eventId: string;
}

/**
 * What an operator can do about what a service has set aside. Errors of `retry`: NOT_FOUND, UNAVAILABLE; of `discard`: NOT_FOUND,
 * MALFORMED (no operator or reason), CONFLICT (another hash: it is not the record that was looked at).
 */
export interface SetAsideDesk {
  /** With `taken`, also those that have ended. */
  list(options: { readonly taken: boolean; readonly limit: number }): Promise<readonly SetAsideRecord[]>;
  retry(place: SetAsidePlace, id: string): Promise<RetriedRecord>;
  discard(place: SetAsidePlace, id: string, discard: Discard): Promise<EndedRecord>;
}

/** How a service tells the log that an operator ended a record. */
export interface ToldDiscards {
  readonly outbox: Outbox;
  readonly topic: Topic;
  /** Of the entry. */
  readonly type: string;
  readonly encode: (log: LogRecord) => Uint8Array;
  /** In the transaction of the discard of a parked message: its final state. */
  readonly onParkedDiscarded?: (client: PoolClient, message: DiscardedMessage) => Promise<void>;
  readonly afterCommit?: () => void;
}

/** A consumer as a retry needs it. */
interface SettingAside {
  readonly consumer: string;
  readonly held: Pick<HeldQueue<unknown>, 'tryExchange' | 'waiting'>;
  retryQuarantined(id: string): Promise<RetriedRecord | undefined>;
}

/** What the inboxes of a schema have set aside. */
export class SetAsideRecords implements SetAsideDesk {
  private readonly sql: InboxStatements;

  constructor(
    private readonly options: {
      readonly pool: Pool;
      readonly schema: string;
      readonly inboxes: readonly SettingAside[];
      readonly told: ToldDiscards;
    },
  ) {
    this.sql = inboxStatements(options.schema);
  }

  async count(): Promise<SetAside[]> {
    const { rows } = await this.options.pool.query<SetAside>(this.sql.setAside);
    return rows;
  }

  /** The oldest ones. */
  async list({ taken, limit }: { readonly taken: boolean; readonly limit: number }): Promise<SetAsideRecord[]> {
    const { rows } = await this.options.pool.query<SetAsideRecord>({
      ...this.sql.listSetAside,
      values: [taken, limit],
    });
    return rows;
  }

  async retry(place: SetAsidePlace, id: string): Promise<RetriedRecord> {
    checkRecordId(id);
    return place === 'parked' ? this.retryParked(id) : this.retryQuarantined(id);
  }

  /** Row and entry of the log in one transaction. One that was ended before keeps its first reason. */
  async discard(place: SetAsidePlace, id: string, discard: Discard): Promise<EndedRecord> {
    checkRecordId(id);
    checkDiscard(discard);
    const { pool, told } = this.options;
    const ended = await inTransaction(pool, async (client): Promise<EndedRecord> => {
      const row = await this.toDiscard(client, place, id);
      if (!row) throw new AppError('NOT_FOUND');
      const { taken, discarded, ...record } = row;
      if (record.hash !== discard.hash) throw new AppError('CONFLICT', undefined, { field: 'hash' });
      if (taken) return { result: 'taken', eventId: '' };
      if (discarded) return { result: 'discarded', eventId: '' };
      const at = new Date();
      if (place === 'parked') await this.discardParked(client, id, discard);
      else
        await client.query({
          ...this.sql.discardQuarantined,
          values: [id, at, discard.operator, discard.reason],
        });
      const fact = discardFact(told.type, { ...record, ...discard, place }, at);
      const { eventId } = fact;
      await told.outbox.enqueue(client, [{ eventId, topic: told.topic, key: eventId, payload: told.encode(fact) }]);
      return { result: 'discarded', eventId };
    });
    told.afterCommit?.();
    return ended;
  }

  private async toDiscard(client: PoolClient, place: SetAsidePlace, id: string): Promise<RowToDiscard | undefined> {
    const statement = place === 'parked' ? this.sql.parkedToDiscard : this.sql.quarantinedToDiscard;
    const { rows } = await client.query<RowToDiscard>({ ...statement, values: [id] });
    if (rows[0] || place === 'quarantine') return rows[0];
    const { rows: before } = await client.query<RowToDiscard>({ ...this.sql.discardedBefore, values: [id] });
    return before[0];
  }

  private async discardParked(client: PoolClient, id: string, { operator, reason }: Discard): Promise<void> {
    const { rows } = await client.query<HeldRow & { consumer: string }>({
      ...this.sql.discardParked,
      values: [id, reason, operator],
    });
    const row = rows[0];
    if (!row) throw new AppError('NOT_FOUND');
    const { key, value } = row;
    await this.options.told.onParkedDiscarded?.(client, { ...parkedMessageOf(row), key, value });
  }

  private async retryQuarantined(id: string): Promise<RetriedRecord> {
    const { rows } = await this.options.pool.query<{ consumer: string }>({
      ...this.sql.quarantineConsumer,
      values: [id],
    });
    const retried = await this.inboxOf(rows[0]?.consumer)?.retryQuarantined(id);
    if (!retried) throw new AppError('NOT_FOUND');
    return retried;
  }

  /** Also one that waits already: it is tried at once, with all attempts before it. */
  private async retryParked(id: string): Promise<RetriedRecord> {
    const { rows } = await this.options.pool.query<{ consumer: string; exchangeId: string; eventId: string }>({
      ...this.sql.retryHeld,
      values: [id],
    });
    const held = this.inboxOf(rows[0]?.consumer)?.held;
    if (!rows[0] || !held) throw new AppError('NOT_FOUND');
    await held.tryExchange(rows[0].exchangeId);
    const waiting = await held.waiting(rows[0].eventId);
    return waiting ? { result: 'waits', code: waiting.failure ?? '' } : { result: 'taken', code: '' };
  }

  private inboxOf(consumer: string | undefined): SettingAside | undefined {
    return this.options.inboxes.find((one) => one.consumer === consumer);
  }
}

type RowToDiscard = Omit<DiscardedRecord, 'place' | 'operator' | 'reason'> & {
  readonly taken: boolean;
  readonly discarded: boolean;
};

/** Errors: NOT_FOUND. */
function checkRecordId(id: string): void {
  if (!/^[1-9][0-9]{0,17}$/.test(id)) throw new AppError('NOT_FOUND');
}
