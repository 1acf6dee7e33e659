import type {
  AuditServiceClient,
  FindMessageEntriesRequest,
  FindMessageEntriesResponse,
  LogDifference,
  LoggedFact,
} from '#contracts';
import type { Clock, Sha256 } from '#kernel';
import type { Queryable, RecordedRows } from '#messaging';
import type { GrpcClient } from '#platform';
import { entriesOfMessage } from '../domain/entries-of-message.js';
import type { MessageState } from '../domain/message-state.js';

/** Entries about a message that was taken: without one of these there is nothing to be missing. */
const ofTransfer: ReadonlySet<string> = new Set([
  'message-accepted',
  'message-delivered',
  'message-released',
  'message-re-released',
  'message-expired',
  'message-withdrawn',
  'message-undeliverable',
]);

export interface TransferRowsParts {
  readonly database: Queryable;
  readonly audit: Pick<GrpcClient<AuditServiceClient>, 'findMessageEntries'>;
  readonly clock: Clock;
  /** Messages that changed less than this ago are left for later. Default 600 000 ms. */
  readonly alarmAfterMs?: number;
  /** Messages of one look. Default 1 000. */
  readonly pageSize?: number;
}

const PAGES_OF_ROUND = 10;

/**
 * The messages themselves against the log, whatever the outbox says: each has the entries of its state, audit's releases
 * among them, and each entry of a transfer has its message (decision 0037).
 */
export class TransferRows implements RecordedRows {
  constructor(private readonly parts: TransferRowsParts) {}

  async ofLeaves(client: Queryable, facts: readonly LoggedFact[]): Promise<LogDifference[]> {
    const transfers = facts.filter(({ type, manifestHash }) => manifestHash !== '' && ofTransfer.has(type));
    if (transfers.length === 0) return [];
    const { rows } = await client.query<{ manifest_hash: string }>({
      name: 'exchange.unknown-transfers',
      text: `SELECT manifest_hash FROM unnest($1::text[]) AS given (manifest_hash)
             WHERE NOT EXISTS (SELECT FROM exchange.messages WHERE messages.manifest_hash = given.manifest_hash)`,
      values: [[...new Set(transfers.map(({ manifestHash }) => manifestHash))]],
    });
    const unknown = new Set(rows.map(({ manifest_hash }) => manifest_hash));
    return transfers
      .filter(({ manifestHash }) => unknown.has(manifestHash))
      .map(({ eventId, leafIndex, type, manifestHash }) => ({
        kind: 'leaf-without-transfer',
        eventId,
        leafIndex,
        type,
        manifestHash,
      }));
  }

  async ofRows(): Promise<{ differences: LogDifference[]; done: () => Promise<void> }> {
    const differences: LogDifference[] = [];
    let reached = await this.cursor();
    for (let page = 0; page < PAGES_OF_ROUND; page += 1) {
      const rows = await this.changedAfter(reached);
      const last = rows.at(-1);
      if (!last) break;
      differences.push(...(await this.lacking(rows)));
      reached = { changed_at: last.changed_at, manifest_hash: last.manifest_hash };
      if (rows.length < this.pageSize) break;
    }
    return { differences, done: () => this.move(reached) };
  }

  private get pageSize(): number {
    return this.parts.pageSize ?? 1_000;
  }

  private async lacking(rows: readonly ChangedRow[]): Promise<LogDifference[]> {
    const known = await this.typesOf({ manifestHashes: rows.map(({ manifest_hash }) => manifest_hash) });
    const lacking = new Map<string, Set<ChangedRow>>();
    for (const { row } of lackingOf(rows, known)) {
      const pair = `${row.sender} ${row.recipient}`;
      lacking.set(pair, (lacking.get(pair) ?? new Set()).add(row));
    }
    const differences: LogDifference[] = [];
    for (const ofPair of lacking.values()) differences.push(...(await this.stillLacking([...ofPair])));
    return differences;
  }

  /** Of two agencies. Looked at again: an entry may have come between, and of an erased one the log cannot say what it was. */
  private async stillLacking(rows: readonly ChangedRow[]): Promise<LogDifference[]> {
    const [{ sender, recipient } = { sender: '', recipient: '' }] = rows;
    const found = await this.typesOf({
      manifestHashes: rows.map(({ manifest_hash }) => manifest_hash),
      erasedAmong: {
        since: new Date(Math.min(...rows.map(({ received_at }) => received_at.getTime()))),
        sender,
        recipient,
      },
    });
    if (found.erased) return [];
    return lackingOf(rows, found).map(({ row, type }) => ({
      kind: 'transfer-without-leaf',
      eventId: row.accepted_event ?? '',
      type,
      manifestHash: row.manifest_hash,
    }));
  }

  private async typesOf(
    request: Partial<FindMessageEntriesRequest> & Pick<FindMessageEntriesRequest, 'manifestHashes'>,
  ): Promise<Found> {
    const { messages, erased }: FindMessageEntriesResponse = await this.parts.audit.findMessageEntries({
      erasedAmong: undefined,
      ...request,
    });
    return { types: new Map(messages.map(({ manifestHash, types }) => [manifestHash, new Set(types)])), erased };
  }

  private async cursor(): Promise<Cursor> {
    const { rows } = await this.parts.database.query<Cursor>({
      name: 'exchange.transfers-reconciled',
      text: `SELECT changed_at::text, manifest_hash FROM exchange.transfers_reconciled`,
    });
    if (!rows[0]) throw new Error('exchange.transfers_reconciled has no row');
    return rows[0];
  }

  private async changedAfter({ changed_at, manifest_hash }: Cursor): Promise<ChangedRow[]> {
    const { database, clock, alarmAfterMs = 600_000 } = this.parts;
    const { rows } = await database.query<ChangedRow>({
      name: 'exchange.transfers-changed',
      text: `SELECT manifest_hash, state, sender, recipient, accepted_event, received_at, changed_at::text FROM exchange.messages
             WHERE (messages.changed_at, manifest_hash) > ($1::timestamptz, $2) AND messages.changed_at < $3
             ORDER BY messages.changed_at, manifest_hash LIMIT $4`,
      values: [changed_at, manifest_hash, new Date(clock.now().getTime() - alarmAfterMs), this.pageSize],
    });
    return rows;
  }

  private async move({ changed_at, manifest_hash }: Cursor): Promise<void> {
    await this.parts.database.query({
      name: 'exchange.transfers-reconciled-move',
      text: `UPDATE exchange.transfers_reconciled SET changed_at = $1, manifest_hash = $2
             WHERE (transfers_reconciled.changed_at, transfers_reconciled.manifest_hash) < ($1::timestamptz, $2)`,
      values: [changed_at, manifest_hash],
    });
  }
}

/** Times as text: in microseconds. */
interface Cursor {
  readonly changed_at: string;
  readonly manifest_hash: string;
}

interface ChangedRow extends Cursor {
  readonly manifest_hash: Sha256;
  readonly state: MessageState;
  readonly sender: string;
  readonly recipient: string;
  readonly accepted_event: string | null;
  readonly received_at: Date;
}

interface Found {
  readonly types: ReadonlyMap<string, ReadonlySet<string>>;
  readonly erased: boolean;
}

const lackingOf = (rows: readonly ChangedRow[], { types }: Found): { row: ChangedRow; type: string }[] =>
  rows.flatMap((row) =>
    entriesOfMessage(row.state)
      .filter((type) => !types.get(row.manifest_hash)?.has(type))
      .map((type) => ({ row, type })),
  );
