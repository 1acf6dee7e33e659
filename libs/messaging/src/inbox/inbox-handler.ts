import type { Pool, PoolClient } from 'pg';
import type { LogMessage, MessageLog } from '../log/message-log.js';
import type { Backoff } from './backoff.js';
import type { ParkedMessage } from './parked-messages.js';

/** A parsed message, as handlers get it. */
export interface InboxMessage<T> {
  readonly eventId: string;
  /** Name of the queue in which this message keeps its order; the event id where the message belongs to no exchange. */
  readonly exchangeId: string;
  readonly body: T;
  readonly topic: string;
  readonly partition: number;
  readonly raw: LogMessage;
}

/** What an app does with its messages. */
export interface InboxHandler<T> {
  /** Parses one message. What it throws on goes raw to quarantine: no later attempt could parse it. */
  decode(message: LogMessage, topic: string): T;
  /** The event id: one effect per consumer and id, however often the message comes. */
  idOf(body: T, message: LogMessage): string;
  /** Messages of one exchange keep their order when one of them is held. Without: each stands alone. */
  exchangeOf?(body: T, message: LogMessage): string | undefined;
  /**
   * The effect of these messages, in their order, with the given connection and no other, own outbox rows included. Throws
   * TransientFailure, an AppError such as UNAVAILABLE, or the database's own error where trying again helps.
   */
  handle(client: PoolClient, messages: readonly InboxMessage<T>[]): Promise<void>;
  /** The same for one message, when the batch failed or the message was held. Default: `handle` with this one. */
  handleOne?(client: PoolClient, message: InboxMessage<T>): Promise<void>;
}

/** The offset of a partition did not go on where it had ended: `gap` means messages never seen, `rewind` seen again. */
export interface OffsetJump {
  readonly topic: string;
  readonly partition: number;
  readonly kind: 'gap' | 'rewind';
  readonly expected: bigint;
  readonly found: bigint;
}

export interface InboxConsumerOptions<T> extends InboxHandler<T> {
  readonly pool: Pool;
  readonly schema: string;
  /** Name under which ids and offsets are kept; several consumers of one schema do not see each other's. */
  readonly consumer: string;
  /** After each commit that did something: the place to wake the relay. */
  readonly afterCommit?: () => void;
  /**
   * Whether a message has no effect here. A batch of such alone is passed over without a transaction, so the stored offset
   * falls behind and no gap is seen: only for what its sender repeats until it has had its effect.
   */
  readonly passes?: (body: T) => boolean;
  /** In the transaction that parks, so that the app's audit event is written with it. */
  readonly onParked?: (client: PoolClient, message: ParkedMessage) => Promise<void>;
  readonly onQuarantined?: (client: PoolClient, message: QuarantinedMessage) => Promise<void>;
  /** Beside the line in the log. */
  readonly onOffsetJump?: (jump: OffsetJump) => void;
  /** Failed attempts until a message is parked. Default 10. */
  readonly attemptsBeforeParking?: number;
  /** Waiting time between attempts. Default 1 s, doubled up to 5 min. */
  readonly backoff?: Backoff;
  /** A held message's attempt that takes longer is cut off and counts for nothing. Default 30 s. */
  readonly attemptLimitMs?: number;
  /** How often to look for held messages that are due. Default 500 ms. */
  readonly heldPollMs?: number;
  /** Pauses consuming while more than `limit` messages are held, until half of them are gone. */
  readonly backpressure?: { readonly log: MessageLog; readonly limit: number };
}

export interface QuarantinedMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string;
  readonly failure: string;
}

export function parseMessage<T>(
  handler: InboxHandler<T>,
  raw: LogMessage,
  topic: string,
  partition: number,
): InboxMessage<T> {
  const body = handler.decode(raw, topic);
  const eventId = handler.idOf(body, raw);
  if (!isStorable(eventId)) throw new TypeError('a message without an event id');
  const exchangeId = handler.exchangeOf?.(body, raw) || eventId;
  if (!isStorable(exchangeId)) throw new TypeError('not an exchange id');
  return { eventId, exchangeId, body, topic, partition, raw };
}

export const handleOne = <T>(handler: InboxHandler<T>, client: PoolClient, message: InboxMessage<T>): Promise<void> =>
  handler.handleOne ? handler.handleOne(client, message) : handler.handle(client, [message]);

/** Ids come from outside: PostgreSQL refuses NUL in text, and an index entry has a limit, which would look transient never. */
const isStorable = (id: unknown): id is string =>
  typeof id === 'string' && id.length > 0 && id.length <= 200 && !id.includes('\0');

/**
 * The record as PostgreSQL takes it: text without NUL, and a time that it knows. Its value stays as it came. Otherwise what is
 * to be set aside could not be, and would stop its partition for good.
 */
export function storable(raw: LogMessage): LogMessage {
  const { key, headers, timestamp } = raw;
  const year = timestamp.getUTCFullYear();
  return {
    ...raw,
    key: withoutNul(key),
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]): [string, string] => [withoutNul(name), withoutNul(value)]),
    ),
    timestamp: year >= 1970 && year <= 9999 ? timestamp : new Date(0),
  };
}

const withoutNul = (text: string): string => text.replaceAll('\0', '');
