import { ConsentEvent, DirectoryEvent, ExchangeEvent, GatewayRefusal, type LogRecord, topics } from '#contracts';
import { AppError, type EventId, type Result, err, isAgencyId, isEventId, ok } from '#kernel';
import { type LogBatch, type LogMessage, failureCode } from '#messaging';
import type { Database, Logger } from '#platform';
import type { Appender } from '../append-entries/appender.js';
import type { PreparedEntry } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import type { RecordedTopic } from '../domain/entry-types.js';
import { type ConsumedUpTo, moveOffsets, quarantine, storedOffset } from '../infra/consumed-facts.js';
import type { RecordPreparer, RecordToLog } from './prepare-record.js';

/** A fact with the agencies that it concerns beside those that its record names. */
interface DecodedFact {
  readonly log: LogRecord | undefined;
  readonly parties?: readonly string[];
}

const decoders: Record<RecordedTopic, (bytes: Buffer) => DecodedFact> = {
  [topics.exchangeEvents]: (bytes) => ExchangeEvent.decode(bytes),
  [topics.consentEvents]: (bytes) => ConsentEvent.decode(bytes),
  [topics.directoryEvents]: (bytes) => DirectoryEvent.decode(bytes),
  [topics.gatewayRefusals]: (bytes) => GatewayRefusal.decode(bytes),
};

interface Place {
  readonly topic: RecordedTopic;
  readonly partition: number;
}

interface FactToAppend {
  readonly entry: PreparedEntry;
  readonly message: LogMessage;
}

/** A whole fetch from Kafka in one batch would keep releases waiting. */
const entriesOfOneProposal = 200;

const isRecorded = (topic: string): topic is RecordedTopic => Object.hasOwn(decoders, topic);

/**
 * Facts from Kafka into the log. No inbox: the leaf's unique event id is the dedupe, whatever comes again. Resolves, and
 * so lets the offset be committed, when every record has its leaf or lies in quarantine.
 */
export class FactConsumer {
  private readonly offsets = new Map<string, bigint>();

  constructor(
    private readonly preparer: RecordPreparer,
    private readonly appender: Appender,
    private readonly database: Database,
    private readonly logger: Logger,
  ) {}

  /** Rejects only where the batch must come again. */
  async consumeBatch(batch: LogBatch): Promise<void> {
    const { topic, partition, messages } = batch;
    if (!isRecorded(topic)) throw new Error(`no facts are expected on ${topic}`);
    const prepared = await this.prepare(messages, topic);
    const entries: FactToAppend[] = [];
    for (const [at, result] of prepared.entries()) {
      const message = messages[at];
      if (!message) continue;
      if (result.ok) entries.push({ entry: result.value, message });
      else if (result.error.code !== 'MALFORMED') throw result.error;
      else await this.setAside({ topic, partition }, message, result.error.code, result.error.details['field']);
    }
    const first = messages[0]?.offset;
    const last = messages.at(-1)?.offset;
    if (first === undefined || last === undefined) return;
    const consumed = { topic, partition, next: last + 1n };
    const expected = await this.expectedOffset(consumed, first);
    const parts: Promise<unknown>[] = [];
    for (let begin = 0; begin < entries.length; begin += entriesOfOneProposal) {
      const part = entries.slice(begin, begin + entriesOfOneProposal);
      // The queue keeps the order, so the last part is durable after the others.
      const ends = begin + part.length === entries.length;
      parts.push(this.append(part, { topic, partition }, ends ? consumed : undefined));
    }
    if (parts.length === 0) await moveOffsets(this.database, [consumed]);
    await Promise.all(parts);
    this.offsets.set(placeOf(consumed), consumed.next);
    this.watchForJump(consumed, expected, first);
  }

  /** One that was set aside. Gives why no entry can be made of it; undefined once it has its leaf. Throws where it may later. */
  async consumeAgain(topic: string, message: LogMessage): Promise<string | undefined> {
    if (!isRecorded(topic)) throw new Error(`no facts are expected on ${topic}`);
    const [prepared] = await this.prepare([message], topic);
    if (!prepared?.ok) {
      if (prepared && prepared.error.code !== 'MALFORMED') throw prepared.error;
      return 'MALFORMED';
    }
    try {
      await this.appender.append(plainProposal([prepared.value]));
      return undefined;
    } catch (error) {
      if (!isFaultOfData(error)) throw error;
      return failureCode(error);
    }
  }

  /** All at once. Where the database refuses what one of them says, that one is found and set aside, and the others go on. */
  private async append(facts: readonly FactToAppend[], place: Place, consumed?: ConsumedUpTo): Promise<void> {
    try {
      await this.appender.append(
        plainProposal(
          facts.map(({ entry }) => entry),
          consumed,
        ),
      );
    } catch (error) {
      if (!isFaultOfData(error)) throw error;
      const [first, ...others] = facts;
      if (first && others.length === 0) {
        await this.setAside(place, first.message, failureCode(error));
        if (consumed) await moveOffsets(this.database, [consumed]);
        return;
      }
      const half = Math.ceil(facts.length / 2);
      await this.append(facts.slice(0, half), place);
      await this.append(facts.slice(half), place, consumed);
    }
  }

  private async setAside(place: Place, message: LogMessage, failure: string, field?: unknown): Promise<void> {
    const { topic, partition } = place;
    this.logger.error(
      { topic, partition, offset: String(message.offset), failure, field },
      'record goes to quarantine',
    );
    await quarantine(this.database, { topic, partition, message, failure, eventId: eventIdOf(message, topic) });
  }

  private async prepare(messages: readonly LogMessage[], topic: RecordedTopic): Promise<Result<PreparedEntry>[]> {
    const facts = messages.map((message) => factOf(message, topic));
    const prepared = await this.preparer.prepareAll(
      facts.flatMap((fact) => (fact.ok ? [fact.value] : [])),
      topic,
    );
    const inOrder = prepared.values();
    return facts.map((fact) => (fact.ok ? inOrder.next().value! : fact));
  }

  /** Kept beside Kafka's own, for the alarm on a jump (design 4, rule 4). In memory while no other instance has consumed. */
  private async expectedOffset(consumed: ConsumedUpTo, first: bigint): Promise<bigint | undefined> {
    const known = this.offsets.get(placeOf(consumed));
    return known === first ? known : storedOffset(this.database, consumed);
  }

  private watchForJump({ topic, partition }: ConsumedUpTo, expected: bigint | undefined, first: bigint): void {
    if (expected === undefined || expected === first) return;
    const jump = { topic, partition, expected: String(expected), found: String(first) };
    if (first > expected) this.logger.error(jump, 'offset gap: records were never seen');
    else this.logger.warn(jump, 'offset rewound: records come again');
  }
}

/**
 * What the record says is refused whenever it comes: SQLSTATE classes 22 (data exception) and 54 (program limit exceeded), and a
 * number beyond its column.
 */
const isFaultOfData = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  /^((22|54)...|ERR_OUT_OF_RANGE)$/.test(String(error.code));

const placeOf = ({ topic, partition }: Pick<ConsumedUpTo, 'topic' | 'partition'>): string => `${topic}/${partition}`;

/** Of a record that was refused, where it can be read that far. */
function eventIdOf(message: LogMessage, topic: RecordedTopic): EventId | undefined {
  const fact = factOf(message, topic);
  return fact.ok && isEventId(fact.value.record.eventId) ? fact.value.record.eventId : undefined;
}

function factOf(message: LogMessage, topic: RecordedTopic): Result<RecordToLog> {
  try {
    const { log, parties = [] } = decoders[topic](message.value);
    if (log) return ok({ record: log, concerned: parties.filter(isAgencyId) });
  } catch {
    // What protobuf says about bytes that it cannot read may quote them.
  }
  return err(new AppError('MALFORMED', undefined, { field: 'log' }));
}
