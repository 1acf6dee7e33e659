import { Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { LogBatch, LogMessage } from '../log/message-log.js';
import { inTransaction } from '../sql/transaction.js';
import { failureCode, isTransient } from '../sql/transient-failure.js';
import { delayAfter } from './backoff.js';
import { Gathering, type Settled } from './gathering.js';
import { HeldQueue } from './held-queue.js';
import {
  type InboxConsumerOptions,
  type InboxMessage,
  type OffsetJump,
  handleOne,
  parseMessage,
  storable,
} from './inbox-handler.js';
import { inboxStatements, type InboxStatements } from './inbox-statements.js';

interface Unparsable {
  readonly raw: LogMessage;
  readonly failure: string;
}

interface ParsedBatch<T> {
  readonly batch: LogBatch;
  readonly messages: readonly InboxMessage<T>[];
  readonly unparsable: readonly Unparsable[];
}

/** Of what was taken, ids alone. Kafka's 14 days and a week more, so that a record that is read again late is still known. */
export const INBOX_RETENTION_MS = 21 * 24 * 60 * 60 * 1_000;
/**
 * Later, nobody knows any more whether the event of a record in quarantine was sent again meanwhile and taken: the ids of that
 * time are purged.
 */
const LONGEST_IN_QUARANTINE_MS = INBOX_RETENTION_MS - 24 * 60 * 60 * 1_000;
/** Messages of one transaction, so that it stays short. */
const MOST_GATHERED = 500;

const taken: Settled = { taken: true };

/**
 * What became of a record that was set aside when it was tried again: `taken` has had its effect; `known` needs none, as its event
 * had come by another record; `waits` is tried again by itself, with its last failure if it had one; `refused` stays set aside;
 * `late` does so too: whether its event was taken meanwhile cannot be known any more; `discarded` was ended by an operator.
 */
export interface RetriedRecord {
  readonly result: 'taken' | 'known' | 'waits' | 'refused' | 'late' | 'discarded';
  /** Empty where nothing failed. */
  readonly code: string;
}

const known: RetriedRecord = { result: 'known', code: '' };

interface QuarantinedRow {
  readonly topic: string;
  readonly partition: number;
  readonly kafka_offset: string;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Record<string, string>;
  readonly sent_at: Date;
  readonly event_id: string | null;
  readonly known: boolean;
  readonly taken_at: Date | null;
  readonly discarded_at: Date | null;
  readonly late: boolean;
}

const recordOf = ({ key, value, headers, kafka_offset, sent_at }: QuarantinedRow): LogMessage => ({
  key,
  value,
  headers,
  offset: BigInt(kafka_offset),
  timestamp: sent_at,
});

/**
 * The receiving side (design 4). One transaction per batch, or for those of several partitions that came during the last one:
 * inbox rows, effect, own outbox rows, offsets. When it fails through a message's fault, the batches go apart and then the
 * messages singly, and the one that fails again is held with those of its exchange behind it, so nothing blocks a partition.
 * A transient failure is thrown to the log, which brings the batch again.
 */
export class InboxConsumer<T> {
  /** The messages held by this consumer. */
  readonly held: HeldQueue<T>;
  private readonly logger = new Logger(InboxConsumer.name);
  private readonly sql: InboxStatements;
  private readonly gathering = new Gathering<ParsedBatch<T>>((group) => this.takeGroup(group), {
    most: MOST_GATHERED,
    sizeOf: ({ batch }) => batch.messages.length,
  });

  constructor(private readonly options: InboxConsumerOptions<T>) {
    this.sql = inboxStatements(options.schema);
    this.held = new HeldQueue(options, this.sql);
  }

  /** Begins trying held messages again; `consumeBatch` works without it. */
  start(): void {
    this.held.start();
  }

  async stop(): Promise<void> {
    await this.held.stop();
  }

  get consumer(): string {
    return this.options.consumer;
  }

  /** To be given to `subscribe` or called by an `@EventPattern` handler. Rejects only where the batch must come again. */
  async consumeBatch(batch: LogBatch): Promise<void> {
    const parsed = this.parse(batch);
    const { passes } = this.options;
    const idle = passes && parsed.unparsable.length === 0 && parsed.messages.every(({ body }) => passes(body));
    if (!idle) await this.gathering.submit(parsed);
  }

  /** Deletes ids older than so many milliseconds, which must exceed Kafka's retention plus the longest re-send window. */
  async purge(olderThanMs: number, batchSize = 1_000): Promise<number> {
    let deleted = 0;
    for (;;) {
      const { rows } = await this.options.pool.query<{ deleted: number }>({
        ...this.sql.purge,
        values: [olderThanMs, batchSize],
      });
      const count = rows[0]?.deleted ?? 0;
      deleted += count;
      if (count < batchSize) return deleted;
    }
  }

  /**
   * Takes a record out of quarantine once it can be parsed, by the way of every other one: its event id, unless known, and the
   * queue of its exchange. Tried again it says what became of it. Undefined where this consumer has no such record.
   */
  async retryQuarantined(id: string): Promise<RetriedRecord | undefined> {
    const seen = await inTransaction(this.options.pool, (client) => this.takeFromQuarantine(client, id));
    if (seen === undefined || 'result' in seen) return seen;
    const { exchangeId, eventId } = seen;
    if (exchangeId !== undefined) await this.held.tryExchange(exchangeId);
    const waiting = await this.held.waiting(eventId);
    return waiting ? { result: 'waits', code: waiting.failure ?? '' } : { result: 'taken', code: '' };
  }

  private async takeFromQuarantine(
    client: PoolClient,
    id: string,
  ): Promise<RetriedRecord | { readonly eventId: string; readonly exchangeId?: string } | undefined> {
    const { consumer } = this.options;
    const { rows } = await client.query<QuarantinedRow>({
      ...this.sql.quarantined,
      values: [id, consumer, LONGEST_IN_QUARANTINE_MS],
    });
    const row = rows[0];
    if (!row) return undefined;
    if (row.taken_at !== null) return row.known ? known : { eventId: row.event_id ?? '' };
    if (row.discarded_at !== null) return { result: 'discarded', code: '' };
    if (row.late) return { result: 'late', code: '' };
    let message: InboxMessage<T>;
    try {
      message = parseMessage(this.options, recordOf(row), row.topic, row.partition);
    } catch (error) {
      const code = failureCode(error);
      await client.query({ ...this.sql.quarantineRefused, values: [id, code] });
      this.logger.warn(`record ${id} of ${consumer} stays in quarantine: ${code}`);
      return { result: 'refused', code };
    }
    const { eventId, exchangeId } = message;
    const { rowCount } = await client.query({ ...this.sql.takeAgain, values: [consumer, eventId] });
    await client.query({ ...this.sql.quarantineTaken, values: [id, eventId, rowCount === 0] });
    this.logger.log(`record ${id} of ${consumer} left quarantine${rowCount === 0 ? ': its event was known' : ''}`);
    if (rowCount === 0) return known;
    await this.hold(client, message);
    return { eventId, exchangeId };
  }

  private parse(batch: LogBatch): ParsedBatch<T> {
    const messages: InboxMessage<T>[] = [];
    const unparsable: Unparsable[] = [];
    for (const raw of batch.messages) {
      try {
        messages.push(parseMessage(this.options, raw, batch.topic, batch.partition));
      } catch (error) {
        unparsable.push({ raw, failure: failureCode(error) });
      }
    }
    return { batch, messages, unparsable };
  }

  private async takeGroup(group: readonly ParsedBatch<T>[]): Promise<Settled[]> {
    try {
      await this.takeTogether(group);
      return group.map(() => taken);
    } catch (error) {
      if (isTransient(error)) return group.map(() => ({ taken: false, error }));
      const [first, ...others] = group;
      if (first && others.length === 0) return [await settled(this.takeSingly(first, error))];
      const apart: Settled[] = [];
      for (const one of group) apart.push(...(await this.takeGroup([one])));
      return apart;
    }
  }

  private async takeTogether(group: readonly ParsedBatch<T>[]): Promise<void> {
    const jumps = await inTransaction(this.options.pool, async (client) => {
      const all: InboxMessage<T>[] = [];
      const jumps: OffsetJump[] = [];
      // In one order for every instance: offsets are locked here.
      for (const { batch, messages, unparsable } of [...group].sort(byPlace)) {
        const { fresh, jump } = await this.take(client, batch, messages);
        for (const one of unparsable) await this.quarantine(client, batch, one);
        all.push(...fresh);
        if (jump) jumps.push(jump);
      }
      const { free, blocked } = await this.splitByHeld(client, all);
      for (const message of blocked) await this.hold(client, message);
      if (free.length > 0) await this.options.handle(client, free);
      return jumps;
    });
    this.committed(jumps);
  }

  private async takeSingly({ batch, messages, unparsable }: ParsedBatch<T>, reason: unknown): Promise<void> {
    this.logger.warn(`${batch.topic}/${batch.partition}: taken singly after ${failureCode(reason)}`);
    const parsed = new Map(messages.map((message) => [message.raw, message]));
    const failed = new Map(unparsable.map((one) => [one.raw, one]));
    for (const raw of batch.messages) {
      const part: LogBatch = { topic: batch.topic, partition: batch.partition, messages: [raw] };
      const message = parsed.get(raw);
      const unreadable = failed.get(raw);
      if (message) await this.takeOne(part, message);
      else if (unreadable) await this.takeTogether([{ batch: part, messages: [], unparsable: [unreadable] }]);
    }
  }

  private async takeOne(part: LogBatch, message: InboxMessage<T>): Promise<void> {
    try {
      const jump = await inTransaction(this.options.pool, async (client) => {
        const { fresh, jump } = await this.take(client, part, [message]);
        const { free, blocked } = await this.splitByHeld(client, fresh);
        if (blocked.length > 0) await this.hold(client, message);
        if (free.length > 0) await handleOne(this.options, client, message);
        return jump;
      });
      this.committed(jump ? [jump] : []);
    } catch (error) {
      if (isTransient(error)) throw error;
      const failure = failureCode(error);
      this.logger.warn(`${part.topic}/${part.partition} at ${message.raw.offset} held after ${failure}`);
      const jump = await inTransaction(this.options.pool, async (client) => {
        const { fresh, jump } = await this.take(client, part, [message]);
        if (fresh.length > 0) await this.hold(client, message, failure);
        return jump;
      });
      this.committed(jump ? [jump] : []);
    }
  }

  /** Moves the offset behind the batch and returns the messages whose ids were not taken before, each id once. */
  private async take(
    client: PoolClient,
    batch: LogBatch,
    messages: readonly InboxMessage<T>[],
  ): Promise<{ fresh: InboxMessage<T>[]; jump: OffsetJump | undefined }> {
    const { topic, partition } = batch;
    const first = batch.messages[0];
    const last = batch.messages.at(-1);
    if (!first || !last) return { fresh: [], jump: undefined };
    const ids = [...new Set(messages.map(({ eventId }) => eventId))];
    const { rows } = await client.query<{ before: string | null; fresh: string[] }>({
      ...this.sql.take,
      values: [this.options.consumer, topic, partition, (last.offset + 1n).toString(), ids],
    });
    const unseen = new Set(rows[0]?.fresh);
    // `delete` is true once per id: the same event twice in one batch has one effect.
    const fresh = messages.filter(({ eventId }) => unseen.delete(eventId));
    const jump = jumpOf(topic, partition, rows[0]?.before ?? null, first.offset);
    return { fresh, jump: this.options.passes && jump?.kind === 'gap' ? undefined : jump };
  }

  private async splitByHeld(
    client: PoolClient,
    fresh: readonly InboxMessage<T>[],
  ): Promise<{ free: InboxMessage<T>[]; blocked: InboxMessage<T>[] }> {
    if (fresh.length === 0) return { free: [], blocked: [] };
    const { rows } = await client.query<{ exchange_id: string }>({
      ...this.sql.blocked,
      values: [this.options.consumer, [...new Set(fresh.map(({ exchangeId }) => exchangeId))]],
    });
    const held = new Set(rows.map(({ exchange_id }) => exchange_id));
    return {
      free: fresh.filter(({ exchangeId }) => !held.has(exchangeId)),
      blocked: fresh.filter(({ exchangeId }) => held.has(exchangeId)),
    };
  }

  /** @param failure of this message itself; without, it only queues behind another one of its exchange */
  private async hold(client: PoolClient, message: InboxMessage<T>, failure?: string): Promise<void> {
    const raw = storable(message.raw);
    this.held.notice();
    await client.query({
      ...this.sql.hold,
      values: [
        this.options.consumer,
        message.exchangeId,
        message.eventId,
        message.topic,
        message.partition,
        raw.offset.toString(),
        raw.key,
        raw.value,
        JSON.stringify(raw.headers),
        raw.timestamp,
        failure === undefined ? 0 : 1,
        failure ?? null,
        failure === undefined ? 0 : delayAfter(1, this.options.backoff),
      ],
    });
  }

  private async quarantine(client: PoolClient, batch: LogBatch, { raw, failure }: Unparsable): Promise<void> {
    const { topic, partition } = batch;
    const { key, value, offset, headers, timestamp } = storable(raw);
    const record = [topic, partition, offset.toString(), key, value, JSON.stringify(headers), timestamp];
    const { rowCount } = await client.query({
      ...this.sql.quarantine,
      values: [this.options.consumer, ...record, failure],
    });
    if (rowCount === 0) return;
    this.logger.error(`${topic}/${partition} at ${offset} went to quarantine: ${failure}`);
    await this.options.onQuarantined?.(client, { topic, partition, offset, key, failure });
  }

  private committed(jumps: readonly OffsetJump[]): void {
    this.options.afterCommit?.();
    for (const jump of jumps) {
      const { topic, partition, kind, expected, found } = jump;
      const line = `offset ${kind} on ${topic}/${partition}: expected ${expected}, found ${found}`;
      if (kind === 'gap') this.logger.error(line);
      else this.logger.warn(line);
      this.options.onOffsetJump?.(jump);
    }
  }
}

const byPlace = ({ batch: a }: { batch: LogBatch }, { batch: b }: { batch: LogBatch }): number =>
  a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;

const settled = (work: Promise<void>): Promise<Settled> =>
  work.then(
    () => taken,
    (error: unknown) => ({ taken: false, error }),
  );

/** The first batch of a partition has nothing to compare with: Kafka may have dropped old messages before we came. */
function jumpOf(topic: string, partition: number, before: string | null, found: bigint): OffsetJump | undefined {
  if (before === null) return undefined;
  const expected = BigInt(before);
  if (found === expected) return undefined;
  return { topic, partition, kind: found > expected ? 'gap' : 'rewind', expected, found };
}
