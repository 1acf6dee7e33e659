import { Inject, Injectable } from '@nestjs/common';
import type { MessageKind } from '#envelope';
import type { AgencyId, ExchangeId, MessageId, Sha256 } from '#kernel';
import { Database, type Queryable } from '#platform';
import type { MessageContent } from '../domain/content.js';

export interface OutgoingRow {
  readonly agency: AgencyId;
  readonly messageId: MessageId;
  readonly exchangeId: ExchangeId;
  readonly kind: MessageKind;
  readonly recipient: AgencyId;
  readonly inReplyTo: Sha256 | undefined;
  readonly categories: readonly number[];
  readonly manifest: string;
  readonly capsule: string;
  readonly outer: string;
  readonly manifestHash: Sha256;
  readonly content: MessageContent;
}

export interface SentMessage {
  readonly messageId: MessageId;
  readonly exchangeId: ExchangeId;
  readonly kind: MessageKind;
  readonly recipient: AgencyId;
  readonly manifestHash: Sha256;
  readonly inReplyTo: Sha256 | null;
  /** Null of a message that was sent before the agent was restored from a backup that does not have it. */
  readonly content: MessageContent | null;
  readonly state: 'sealed' | 'posted' | 'accepted' | 'rejected' | 'refused';
  readonly code: string | null;
  readonly detail: string | null;
  readonly leafIndex: number | null;
  readonly outcome: string | null;
  readonly outcomeCode: string | null;
  readonly createdAt: Date;
}

/** A message of which nothing is left here but what the log says. */
export interface LostMessage {
  readonly messageId: MessageId;
  readonly exchangeId: ExchangeId;
  readonly kind: MessageKind;
  readonly recipient: AgencyId;
  readonly inReplyTo: Sha256 | undefined;
  readonly categories: readonly number[];
  readonly manifestHash: Sha256;
  readonly leafIndex: number;
}

/** A message whose notice came. */
export interface ClosedMessage {
  readonly messageId: MessageId;
  readonly state: 'accepted' | 'rejected';
  /** Of the entry that the receipt proves. */
  readonly leafIndex: number;
  readonly code: string | undefined;
  readonly detail: string | undefined;
}

export interface DueMessage {
  readonly message_id: MessageId;
  readonly manifest: string;
  readonly capsule: string;
  readonly outer_token: string;
  readonly attempts: number;
}

/** Sealed messages on their way: kept before they are posted, closed only by a notice with the log's receipt. */
@Injectable()
export class OutboxStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** False when the request that it answers has been answered already. */
  async add(client: Queryable, row: OutgoingRow, at: Date): Promise<boolean> {
    const { rowCount } = await client.query({
      name: 'outbox-add',
      text: `INSERT INTO outbox (agency, message_id, exchange_id, kind, recipient, in_reply_to, categories, manifest,
               capsule, outer_token, manifest_hash, content, state, next_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'sealed', $13, $13)
             ON CONFLICT DO NOTHING`,
      values: [
        row.agency,
        row.messageId,
        row.exchangeId,
        row.kind,
        row.recipient,
        row.inReplyTo ?? null,
        row.categories,
        row.manifest,
        row.capsule,
        row.outer,
        row.manifestHash,
        JSON.stringify(row.content),
        at,
      ],
    });
    return rowCount === 1;
  }

  /** Takes up again what the log shows as accepted. False when another answer to the same request is on its way. */
  async restore(client: Queryable, agency: AgencyId, lost: LostMessage, at: Date): Promise<boolean> {
    const { rowCount } = await client.query({
      text: `INSERT INTO outbox (agency, message_id, exchange_id, kind, recipient, in_reply_to, categories, manifest_hash,
               leaf_index, state, next_at, created_at, closed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'accepted', $10, $10, $10) ON CONFLICT DO NOTHING`,
      values: [
        agency,
        lost.messageId,
        lost.exchangeId,
        lost.kind,
        lost.recipient,
        lost.inReplyTo ?? null,
        lost.categories,
        lost.manifestHash,
        lost.leafIndex,
        at,
      ],
    });
    return rowCount === 1;
  }

  async due(agency: AgencyId, now: Date, limit: number): Promise<DueMessage[]> {
    const { rows } = await this.database.query<DueMessage>({
      name: 'outbox-due',
      text: `SELECT message_id, manifest, capsule, outer_token, attempts FROM outbox
             WHERE agency = $1 AND state IN ('sealed', 'posted') AND next_at <= $2
             ORDER BY created_at LIMIT $3`,
      values: [agency, now, limit],
    });
    return rows;
  }

  /** Posted, not yet accepted: to be posted again at `nextAt` unless a notice comes before. */
  async markPosted(agency: AgencyId, posted: readonly { messageId: MessageId; nextAt: Date }[]): Promise<void> {
    await this.database.query({
      name: 'outbox-posted',
      text: `WITH ${LOCKED}
             UPDATE outbox SET state = 'posted', attempts = attempts + 1, next_at = due.next_at
             FROM unnest($2::uuid[], $3::timestamptz[]) AS due (message_id, next_at)
             WHERE outbox.agency = $1 AND outbox.message_id = due.message_id AND state IN ('sealed', 'posted')
               AND EXISTS (SELECT FROM locked)`,
      values: [agency, posted.map(({ messageId }) => messageId), posted.map(({ nextAt }) => nextAt)],
    });
  }

  async postpone(agency: AgencyId, messageIds: readonly MessageId[], nextAt: Date): Promise<void> {
    await this.database.query({
      name: 'outbox-postpone',
      text: `UPDATE outbox SET attempts = attempts + 1, next_at = $3
             WHERE agency = $1 AND message_id = ANY($2) AND state IN ('sealed', 'posted')`,
      values: [agency, messageIds, nextAt],
    });
  }

  /** Refused at the edge for good: not sent again. The signed notice that follows closes it. */
  async markRefused(agency: AgencyId, messageId: MessageId, code: string, detail: string): Promise<void> {
    await this.database.query({
      name: 'outbox-refused',
      text: `UPDATE outbox SET state = 'refused', code = $3, detail = $4, attempts = attempts + 1
             WHERE agency = $1 AND message_id = $2 AND state IN ('sealed', 'posted')`,
      values: [agency, messageId, code, detail],
    });
  }

  /** Their notices came, with the log's receipts. The sealed parts are no longer needed. */
  async close(client: Queryable, agency: AgencyId, ended: readonly ClosedMessage[], at: Date): Promise<void> {
    if (ended.length === 0) return;
    await client.query({
      name: 'outbox-close',
      text: `WITH ${LOCKED}
             UPDATE outbox SET state = e.state, leaf_index = e.leaf_index, code = e.code, detail = e.detail,
               closed_at = $3, capsule = NULL, outer_token = NULL
             FROM unnest($2::uuid[], $4::text[], $5::bigint[], $6::text[], $7::text[])
               AS e (message_id, state, leaf_index, code, detail)
             WHERE outbox.agency = $1 AND outbox.message_id = e.message_id
               AND outbox.state IN ('sealed', 'posted', 'refused') AND EXISTS (SELECT FROM locked)`,
      values: [
        agency,
        ended.map(({ messageId }) => messageId),
        at,
        ended.map(({ state }) => state),
        ended.map(({ leafIndex }) => leafIndex),
        ended.map(({ code }) => code ?? null),
        ended.map(({ detail }) => detail ?? null),
      ],
    });
  }

  /** What became of an accepted message: expired, withdrawn, undeliverable, discarded. */
  async setOutcome(
    client: Queryable,
    agency: AgencyId,
    messageId: MessageId,
    outcome: string,
    code: string | undefined,
  ): Promise<void> {
    await client.query({
      name: 'outbox-outcome',
      text: 'UPDATE outbox SET outcome = $3, outcome_code = $4 WHERE agency = $1 AND message_id = $2',
      values: [agency, messageId, outcome, code ?? null],
    });
  }

  /** By message id. */
  async find(agency: AgencyId, messageIds: readonly MessageId[]): Promise<ReadonlyMap<MessageId, SentMessage>> {
    if (messageIds.length === 0) return new Map();
    const { rows } = await this.database.query<SentRow>({
      name: 'outbox-find',
      text: `${SELECT_SENT} WHERE agency = $1 AND message_id = ANY($2)`,
      values: [agency, messageIds],
    });
    return new Map(rows.map((row) => [row.message_id, sentOf(row)]));
  }

  /** By the hash that names a message everywhere. */
  async findByHash(agency: AgencyId, hashes: readonly Sha256[]): Promise<ReadonlyMap<Sha256, SentMessage>> {
    if (hashes.length === 0) return new Map();
    const { rows } = await this.database.query<SentRow>({
      name: 'outbox-find-by-hash',
      text: `${SELECT_SENT} WHERE agency = $1 AND manifest_hash = ANY($2)`,
      values: [agency, hashes],
    });
    return new Map(rows.map((row) => [row.manifest_hash, sentOf(row)]));
  }

  async ofExchange(agency: AgencyId, exchangeId: ExchangeId): Promise<SentMessage[]> {
    const { rows } = await this.database.query<SentRow>({
      name: 'outbox-of-exchange',
      text: `${SELECT_SENT} WHERE agency = $1 AND exchange_id = $2 ORDER BY created_at`,
      values: [agency, exchangeId],
    });
    return rows.map(sentOf);
  }
}

/** Posting and notices change the same rows side by side: locked in one order, they cannot wait for each other. */
const LOCKED = `locked AS MATERIALIZED (
    SELECT FROM outbox WHERE agency = $1 AND message_id = ANY($2::uuid[]) ORDER BY message_id FOR UPDATE)`;

const SELECT_SENT = `SELECT message_id, exchange_id, kind, recipient, manifest_hash, in_reply_to, content, state, code,
  detail, leaf_index, outcome, outcome_code, created_at FROM outbox`;

interface SentRow {
  message_id: MessageId;
  exchange_id: ExchangeId;
  kind: MessageKind;
  recipient: AgencyId;
  manifest_hash: Sha256;
  in_reply_to: Sha256 | null;
  content: MessageContent | null;
  state: SentMessage['state'];
  code: string | null;
  detail: string | null;
  leaf_index: string | null;
  outcome: string | null;
  outcome_code: string | null;
  created_at: Date;
}

const sentOf = (row: SentRow): SentMessage => ({
  messageId: row.message_id,
  exchangeId: row.exchange_id,
  kind: row.kind,
  recipient: row.recipient,
  manifestHash: row.manifest_hash,
  inReplyTo: row.in_reply_to,
  content: row.content,
  state: row.state,
  code: row.code,
  detail: row.detail,
  leafIndex: row.leaf_index === null ? null : Number(row.leaf_index),
  outcome: row.outcome,
  outcomeCode: row.outcome_code,
  createdAt: row.created_at,
});
