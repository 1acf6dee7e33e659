import {
  type LogRecord,
  ExchangeEvent as ExchangeEventMessage,
  LogRecord as LogRecordMessage,
  topics,
} from '#contracts';
import { type MessageContext, type Outcome, type SigningKey, readManifest, signStatement } from '#envelope';
import {
  type AgencyId,
  type ErrorCode,
  type ExchangeId,
  type MessageId,
  type Sha256,
  newEventId,
  unwrap,
} from '#kernel';
import { enqueueValues, type Queryable } from '#messaging';
import type { ExchangeEvent } from '../domain/exchange-events.js';
import { nextExchangeState } from '../domain/exchange-state.js';
import { type MessageEvent, isUnopened } from '../domain/message-state.js';
import { type Ending, type FactType, endingOf, factOfClosing, moveMessage } from '../domain/settle-message.js';
import { type LedgerWrite, joinWrites, ledgerStatements as sql } from './ledger-statements.js';
import {
  type ExchangeSql,
  type LockedExchange,
  type MessageRow,
  type MessageSql,
  type NewMessage,
  type OpenedExchange,
  lockedExchangeOf,
  messageOf,
} from './rows.js';

interface PendingNotice {
  readonly agencies: readonly AgencyId[];
  readonly outcome: Outcome;
  /** The entry that gets the signed notice as its evidence. */
  readonly fact?: LogRecord;
}

interface MailboxPut {
  readonly agency: AgencyId;
  readonly manifestHash: Sha256 | null;
  readonly notice: string | null;
}

type LedgerWrites = { readonly write: LedgerWrite; readonly values: readonly unknown[] }[];

export interface LedgerParts {
  readonly outcomeKey: SigningKey;
}

/**
 * The exchanges that one transaction has locked, and everything that it does to them: states, log entries with their
 * numbers, notices and mailbox rows are collected here and written by `flush` with one statement for each kind.
 */
export class ExchangeLedger {
  private readonly loaded = new Map<Sha256, MessageRow>();
  private readonly moved = new Set<MessageRow>();
  private readonly added: NewMessage[] = [];
  private readonly facts: LogRecord[] = [];
  private readonly notices: PendingNotice[] = [];
  private readonly awaited: { eventId: string; agency: AgencyId; outcome: Outcome }[] = [];
  private readonly puts: MailboxPut[] = [];

  private constructor(
    private readonly client: Queryable,
    private readonly parts: LedgerParts,
    private readonly exchanges: ReadonlyMap<string, LockedExchange>,
    readonly now: Date,
  ) {}

  /** Locks the exchanges in the order of their ids; `create` first makes the rows that are missing. */
  static async lock(
    client: Queryable,
    parts: LedgerParts,
    ids: Iterable<ExchangeId>,
    now: Date,
    { create = false } = {},
  ): Promise<ExchangeLedger> {
    const wanted = [...new Set(ids)];
    if (wanted.length === 0) return new ExchangeLedger(client, parts, new Map(), now);
    const made = create
      ? await client.query<{ id: ExchangeId }>({ ...sql.createExchanges, values: [wanted] })
      : undefined;
    const exchanges = new Map<string, LockedExchange>(
      made?.rows.map(({ id }) => [id, { id, opened: undefined, lastNumber: 0, changed: false }]),
    );
    const others = wanted.filter((id) => !exchanges.has(id));
    if (others.length > 0) {
      const { rows } = await client.query<ExchangeSql>({ ...sql.lockExchanges, values: [others] });
      for (const row of rows) exchanges.set(row.id, lockedExchangeOf(row));
    }
    return new ExchangeLedger(client, parts, exchanges, now);
  }

  /** Reads messages after their exchanges were locked, so that what is read stays true. */
  async load(hashes: readonly Sha256[]): Promise<void> {
    if (hashes.length === 0) return;
    const { rows } = await this.client.query<MessageSql>({ ...sql.messages, values: [hashes] });
    for (const row of rows) this.loaded.set(row.manifest_hash, messageOf(row));
  }

  /** The same, and the hashes of the messages that own one of the ids, by sender and id. */
  async loadWithOwners(
    hashes: readonly Sha256[],
    ids: readonly { readonly sender: AgencyId; readonly messageId: MessageId }[],
  ): Promise<Map<string, Sha256>> {
    const owners = new Map<string, Sha256>();
    if (hashes.length === 0 && ids.length === 0) return owners;
    const { rows } = await this.client.query<MessageSql & { owns: boolean }>({
      ...sql.messagesAndOwners,
      values: [hashes, ids.map(({ sender }) => sender), ids.map(({ messageId }) => messageId)],
    });
    for (const row of rows) {
      this.loaded.set(row.manifest_hash, messageOf(row));
      if (row.owns) owners.set(idOf(row.sender, row.message_id), row.manifest_hash);
    }
    return owners;
  }

  message(hash: Sha256): MessageRow | undefined {
    return this.loaded.get(hash);
  }

  exchange(id: ExchangeId): OpenedExchange | undefined {
    return this.locked(id).opened;
  }

  /** Changes what is kept of an exchange, or opens it. */
  putExchange(opened: OpenedExchange): void {
    const locked = this.locked(opened.id);
    locked.opened = opened;
    locked.changed = true;
  }

  addMessage(message: NewMessage): void {
    this.loaded.set(message.row.manifestHash, message.row);
    this.added.push(message);
  }

  /** Marks a changed row for writing. */
  changed(message: MessageRow): void {
    this.moved.add(message);
  }

  deliver(agency: AgencyId, manifestHash: Sha256): void {
    this.puts.push({ agency, manifestHash, notice: null });
  }

  notify(agencies: readonly AgencyId[], outcome: Outcome, fact?: LogRecord): void {
    this.notices.push({ agencies, outcome, ...(fact && { fact }) });
  }

  putNotice(agency: AgencyId, notice: string): void {
    this.puts.push({ agency, manifestHash: null, notice });
  }

  /** The notice is put into the mailbox when the log's receipt for the event has come. */
  notifyWithReceipt(fact: LogRecord, agency: AgencyId, outcome: Outcome): void {
    fact.receiptFor = agency;
    this.awaited.push({ eventId: fact.eventId, agency, outcome });
  }

  /** An entry about a message, numbered within its exchange unless `numbered` is false. */
  record(
    type: FactType,
    message: MessageRow,
    { code, numbered = true, context }: { code?: ErrorCode; numbered?: boolean; context?: MessageContext } = {},
  ): LogRecord {
    const { subjects, categories, basis, purpose } = context ?? unwrap(readManifest(message.manifest)).context;
    return this.recordBare({
      type,
      exchangeId: message.exchangeId,
      exchangeNumber: numbered ? this.nextNumber(message.exchangeId) : 0,
      messageId: message.messageId,
      manifestHash: message.manifestHash,
      sender: message.sender,
      recipient: message.recipient,
      subjects,
      categories,
      basisJson: basis.length > 0 ? JSON.stringify(basis) : '',
      purpose,
      code: code ?? '',
    });
  }

  recordBare(members: Partial<LogRecord> & { type: FactType }): LogRecord {
    const fact = LogRecordMessage.fromPartial({ ...members, eventId: newEventId(), at: this.now });
    this.facts.push(fact);
    return fact;
  }

  /** Gives the exchange its next state. Returns the entry that says so, when it is another one. */
  moveExchange(
    exchange: OpenedExchange,
    event: ExchangeEvent,
    about: MessageRow,
    code?: ErrorCode,
  ): LogRecord | undefined {
    const next = unwrap(nextExchangeState(exchange.state, event));
    this.putExchange(exchange);
    if (next === exchange.state) return undefined;
    exchange.state = next;
    exchange.closedAt = this.now;
    const type = factOfClosing(next);
    if (!type) return undefined;
    const fact = this.record(type, about, code === undefined ? {} : { code });
    // The message that closes an exchange carries its sender's word for that.
    if (event === 'answer' || event === 'refuse' || event === 'cancel')
      fact.evidence.push({ kind: 'manifest', token: about.manifest });
    return fact;
  }

  /**
   * Applies an event to a message that was accepted and, through it, to its exchange. `false` when the message is final:
   * then nothing has changed.
   */
  move(message: MessageRow, event: MessageEvent, code?: ErrorCode): boolean {
    const exchange = this.exchange(message.exchangeId);
    if (!exchange) throw new Error('an accepted message without its exchange');
    const opensExchange = exchange.openingMessage === message.manifestHash;
    const moved = moveMessage({ state: message.state, opensExchange }, exchange, event);
    if (!moved.ok) return false;
    const changes = moved.value.state !== message.state;
    message.state = moved.value.state;
    if (changes) message.code = code;
    this.changed(message);
    if (moved.value.exchangeEvent) this.moveExchange(exchange, moved.value.exchangeEvent, message, code);
    return true;
  }

  /** Ends an unopened message with entry and a notice to both sides that says why. `false` when it was final before. */
  end(message: MessageRow, ending: Ending, code: ErrorCode): boolean {
    const { fact: type, notice } = endingOf(ending);
    const before = message.state;
    message.releasingUntil = undefined;
    message.endsWith = undefined;
    if (!this.move(message, ending, code) || message.state === before) return false;
    const fact = this.record(type, message, { code });
    this.notify([message.sender, message.recipient], this.outcomeOf(message, notice, code), fact);
    return true;
  }

  outcomeOf(message: MessageRow, type: Outcome['type'], code?: ErrorCode): Outcome {
    const { exchangeId, messageId, sender, manifestHash } = message;
    return {
      type,
      exchangeId,
      messageId,
      sender,
      manifestHash,
      at: this.now.toISOString(),
      ...(code !== undefined && { code }),
    };
  }

  async flush(): Promise<void> {
    await this.signNotices();
    const writes = [...this.messageWrites(), ...this.exchangeWrites(), ...this.receiptWrites(), ...this.eventWrites()];
    if (writes.length > 0) await this.client.query(joinWrites(writes));
    await this.writeMailboxes();
  }

  private locked(id: ExchangeId): LockedExchange {
    const locked = this.exchanges.get(id);
    if (!locked) throw new Error('an exchange that this transaction has not locked');
    return locked;
  }

  private nextNumber(id: ExchangeId): number {
    const locked = this.locked(id);
    locked.lastNumber += 1;
    locked.changed = true;
    return locked.lastNumber;
  }

  private messageWrites(): LedgerWrites {
    const { added, now } = this;
    const writes: LedgerWrites = [];
    if (added.length > 0) {
      const rows = added.map(({ row }) => row);
      writes.push({
        write: 'insertMessages',
        values: [
          rows.map((row) => row.manifestHash),
          rows.map((row) => row.exchangeId),
          rows.map((row) => row.messageId),
          rows.map((row) => row.sender),
          rows.map((row) => row.recipient),
          rows.map((row) => row.recipientKey),
          rows.map((row) => row.kind),
          rows.map((row) => row.state),
          rows.map((row) => row.code ?? null),
          added.map(({ ownsId }) => ownsId),
          added.map(({ inReplyTo }) => inReplyTo ?? null),
          added.map(({ consents }) => `{${consents.join(',')}}`),
          rows.map((row) => row.manifest),
          rows.map((row) => row.expiresAt),
          rows.map((row) => row.acceptedEvent ?? null),
          now,
        ],
      });
    }
    const bodies = added.flatMap(({ row, body }) => (body ? [{ row, ...body }] : []));
    if (bodies.length > 0)
      writes.push({
        write: 'insertBodies',
        values: [
          bodies.map(({ row }) => row.manifestHash),
          bodies.map(({ capsule }) => capsule),
          bodies.map(({ outer }) => outer),
          bodies.map(({ row }) => row.expiresAt),
        ],
      });
    const fresh = new Set(added.map(({ row }) => row));
    const moved = [...this.moved].filter((row) => !fresh.has(row));
    if (moved.length > 0)
      writes.push({
        write: 'updateMessages',
        values: [
          moved.map((row) => row.manifestHash),
          moved.map((row) => row.state),
          moved.map((row) => row.code ?? null),
          moved.map((row) => row.releasingUntil ?? null),
          moved.map((row) => row.endsWith ?? null),
          now,
        ],
      });
    // What ended unopened can never be opened any more.
    const unreadable = moved.filter(({ state }) => !isUnopened(state) && state !== 'released');
    if (unreadable.length > 0)
      writes.push({ write: 'deleteBodies', values: [unreadable.map(({ manifestHash }) => manifestHash)] });
    return writes;
  }

  private exchangeWrites(): LedgerWrites {
    const changed = [...this.exchanges.values()].filter((exchange) => exchange.changed);
    if (changed.length === 0) return [];
    const opened = changed.map((exchange) => exchange.opened);
    const values = [
      changed.map(({ id }) => id),
      opened.map((exchange) => exchange?.state ?? null),
      opened.map((exchange) => exchange?.openedBy ?? null),
      opened.map((exchange) => exchange?.asker ?? null),
      opened.map((exchange) => exchange?.holder ?? null),
      opened.map((exchange) => exchange?.openingMessage ?? null),
      opened.map((exchange) => `{${(exchange?.categories ?? []).join(',')}}`),
      opened.map((exchange) => exchange?.deadline ?? null),
      changed.map(({ lastNumber }) => lastNumber),
      opened.map((exchange) => exchange?.openedAt ?? null),
      opened.map((exchange) => exchange?.closedAt ?? null),
    ];
    return [{ write: 'updateExchanges', values }];
  }

  private receiptWrites(): LedgerWrites {
    if (this.awaited.length === 0) return [];
    const values = [
      this.awaited.map(({ eventId }) => eventId),
      this.awaited.map(({ agency }) => agency),
      this.awaited.map(({ outcome }) => JSON.stringify(outcome)),
    ];
    return [{ write: 'awaitReceipts', values }];
  }

  private async signNotices(): Promise<void> {
    const signed = await Promise.all(
      this.notices.map(({ outcome }) => signStatement('outcome', outcome, this.parts.outcomeKey)),
    );
    this.notices.forEach(({ agencies, fact }, index) => {
      const notice = signed[index]!;
      fact?.evidence.push({ kind: 'outcome', token: notice });
      for (const agency of agencies) this.putNotice(agency, notice);
    });
  }

  private eventWrites(): LedgerWrites {
    if (this.facts.length === 0) return [];
    const rows = this.facts.map((log) => ({
      eventId: log.eventId as ReturnType<typeof newEventId>,
      topic: topics.exchangeEvents,
      key: log.exchangeId || log.eventId,
      payload: ExchangeEventMessage.encode({ log }).finish(),
    }));
    return [{ write: 'enqueueEvents', values: enqueueValues(rows) }];
  }

  private async writeMailboxes(): Promise<void> {
    const missing = await this.putItems(this.puts);
    if (missing.size === 0) return;
    // An agency's first mail.
    await this.client.query({ ...sql.createMailboxes, values: [[...missing]] });
    const still = await this.putItems(this.puts.filter(({ agency }) => missing.has(agency)));
    if (still.size > 0) throw new Error('a mailbox that was made is not there');
  }

  /** Returns the agencies that have no mailbox yet; nothing was put for them. */
  private async putItems(puts: readonly MailboxPut[]): Promise<Set<string>> {
    if (puts.length === 0) return new Set();
    const { rows } = await this.client.query<{ agency: string }>({
      ...sql.putItems,
      values: [
        puts.map(({ agency }) => agency),
        puts.map(({ manifestHash }) => manifestHash),
        puts.map(({ notice }) => notice),
      ],
    });
    const there = new Set(rows.map(({ agency }) => agency));
    return new Set(puts.map(({ agency }) => agency).filter((agency) => !there.has(agency)));
  }
}

export const idOf = (sender: AgencyId, messageId: MessageId): string => `${sender} ${messageId}`;
