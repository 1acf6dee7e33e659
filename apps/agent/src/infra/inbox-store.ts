import { Inject, Injectable } from '@nestjs/common';
import type { MessageKind, SubjectIdentity } from '#envelope';
import type { AgencyId, ExchangeId, MessageId, Sha256 } from '#kernel';
import { Database, type Queryable } from '#platform';
import type { MessageContent } from '../domain/content.js';

export interface ArrivedMessage {
  readonly number: number;
  readonly messageId: MessageId;
  readonly sender: AgencyId;
  readonly exchangeId: ExchangeId;
  readonly kind: MessageKind;
  readonly inReplyTo: Sha256 | undefined;
  readonly categories: readonly number[];
  readonly manifest: string;
  readonly outer: string;
  readonly manifestHash: Sha256;
}

export interface ArrivedNotice {
  readonly number: number;
  readonly token: string;
}

/** A message that is to be opened now. */
export interface MessageToOpen {
  readonly messageId: MessageId;
  readonly sender: AgencyId;
  readonly exchangeId: ExchangeId;
  readonly manifest: string;
  readonly outer: string;
  readonly manifestHash: Sha256;
  readonly openBy: string;
  readonly releaseRequest: string | undefined;
  readonly releaseRequestedAt: Date | undefined;
  readonly attempts: number;
}

export interface ReceivedMessage {
  readonly messageId: MessageId;
  readonly sender: AgencyId;
  readonly exchangeId: ExchangeId;
  readonly kind: MessageKind;
  readonly categories: readonly number[];
  readonly manifest: string;
  readonly manifestHash: Sha256;
  readonly inReplyTo: Sha256 | null;
  readonly state: 'delivered' | 'releasing' | 'opened' | 'refused';
  readonly code: string | null;
  readonly leafIndex: number | null;
  readonly subjects: readonly SubjectIdentity[] | null;
  readonly content: MessageContent | null;
  readonly reply: 'due' | 'decided' | 'sent' | 'closed' | null;
  readonly replyNotBefore: Date | null;
  readonly receivedAt: Date;
  readonly openedAt: Date | null;
}

/** Mail as it came, and what was opened of it. */
@Injectable()
export class InboxStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** Position up to which mail is stored. */
  async position(agency: AgencyId): Promise<number> {
    const { rows } = await this.database.query<{ after: string }>({
      name: 'mailbox-position',
      text: 'SELECT after FROM mailboxes WHERE agency = $1',
      values: [agency],
    });
    return Number(rows[0]?.after ?? 0);
  }

  /** One page of mail: ciphertext, notices and the position in one transaction, before anything is acknowledged. */
  async store(
    agency: AgencyId,
    page: {
      readonly after: number;
      readonly messages: readonly (ArrivedMessage & { readonly openBy: string | undefined })[];
      readonly notices: readonly ArrivedNotice[];
      readonly at: Date;
    },
  ): Promise<void> {
    const { messages, notices, at } = page;
    await this.database.transaction(async (client) => {
      if (messages.length > 0) {
        await client.query({
          name: 'inbox-store',
          text: `INSERT INTO inbox (agency, message_id, sender, exchange_id, kind, in_reply_to, categories, manifest,
                   outer_token, manifest_hash, mailbox_number, state, open_by, next_at, received_at)
                 SELECT $1, m.message_id, m.sender, m.exchange_id, m.kind, m.in_reply_to, m.categories::integer[],
                   m.manifest, m.outer_token, m.manifest_hash, m.number, 'delivered', m.open_by, $2, $2
                 FROM unnest($3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
                   $10::text[], $11::text[], $12::bigint[], $13::text[])
                   AS m (message_id, sender, exchange_id, kind, in_reply_to, categories, manifest, outer_token,
                     manifest_hash, number, open_by)
                 ON CONFLICT DO NOTHING`,
          values: [
            agency,
            at,
            messages.map((m) => m.messageId),
            messages.map((m) => m.sender),
            messages.map((m) => m.exchangeId),
            messages.map((m) => m.kind),
            messages.map((m) => m.inReplyTo ?? null),
            messages.map((m) => `{${m.categories.join(',')}}`),
            messages.map((m) => m.manifest),
            messages.map((m) => m.outer),
            messages.map((m) => m.manifestHash),
            messages.map((m) => m.number),
            messages.map((m) => m.openBy ?? null),
          ],
        });
      }
      if (notices.length > 0) {
        await client.query({
          name: 'notices-store',
          text: `INSERT INTO notices (agency, mailbox_number, token, state, received_at)
                 SELECT $1, n.number, n.token, 'stored', $2
                 FROM unnest($3::bigint[], $4::text[]) AS n (number, token) ON CONFLICT DO NOTHING`,
          values: [agency, at, notices.map((n) => n.number), notices.map((n) => n.token)],
        });
      }
      await client.query({
        name: 'mailbox-advance',
        text: `INSERT INTO mailboxes (agency, after) VALUES ($1, $2)
               ON CONFLICT (agency) DO UPDATE SET after = greatest(mailboxes.after, EXCLUDED.after)`,
        values: [agency, page.after],
      });
    });
  }

  async toOpen(agency: AgencyId, now: Date, limit: number): Promise<MessageToOpen[]> {
    const { rows } = await this.database.query<{
      message_id: MessageId;
      sender: AgencyId;
      exchange_id: ExchangeId;
      manifest: string;
      outer_token: string;
      manifest_hash: Sha256;
      open_by: string;
      release_request: string | null;
      release_requested_at: Date | null;
      attempts: number;
    }>({
      name: 'inbox-to-open',
      text: `SELECT message_id, sender, exchange_id, manifest, outer_token, manifest_hash, open_by, release_request,
               release_requested_at, attempts
             FROM inbox
             WHERE agency = $1 AND state IN ('delivered', 'releasing') AND open_by IS NOT NULL AND next_at <= $2
             ORDER BY mailbox_number LIMIT $3`,
      values: [agency, now, limit],
    });
    return rows.map((row) => ({
      messageId: row.message_id,
      sender: row.sender,
      exchangeId: row.exchange_id,
      manifest: row.manifest,
      outer: row.outer_token,
      manifestHash: row.manifest_hash,
      openBy: row.open_by,
      releaseRequest: row.release_request ?? undefined,
      releaseRequestedAt: row.release_requested_at ?? undefined,
      attempts: row.attempts,
    }));
  }

  /** An officer wants it opened. False when there is no such unopened message. */
  async wantOpened(agency: AgencyId, messageId: MessageId, by: string, now: Date): Promise<boolean> {
    const { rowCount } = await this.database.query({
      name: 'inbox-want-opened',
      text: `UPDATE inbox SET open_by = coalesce(open_by, $3), next_at = $4
             WHERE agency = $1 AND message_id = $2 AND state IN ('delivered', 'releasing')`,
      values: [agency, messageId, by, now],
    });
    return rowCount === 1;
  }

  /** Release requests are kept before they are posted. */
  async keepRequests(
    agency: AgencyId,
    requests: readonly { message: MessageToOpen; token: string; at: Date }[],
  ): Promise<void> {
    await this.database.query({
      name: 'inbox-keep-requests',
      text: `UPDATE inbox SET state = 'releasing', release_request = r.token, release_requested_at = r.at
             FROM unnest($2::text[], $3::uuid[], $4::text[], $5::timestamptz[]) AS r (sender, message_id, token, at)
             WHERE inbox.agency = $1 AND inbox.sender = r.sender AND inbox.message_id = r.message_id
               AND inbox.state IN ('delivered', 'releasing')`,
      values: [
        agency,
        requests.map(({ message }) => message.sender),
        requests.map(({ message }) => message.messageId),
        requests.map(({ token }) => token),
        requests.map(({ at }) => at),
      ],
    });
  }

  async postpone(agency: AgencyId, messages: readonly MessageToOpen[], code: string, nextAt: Date): Promise<void> {
    await this.database.query({
      name: 'inbox-postpone',
      text: `UPDATE inbox SET attempts = attempts + 1, code = $4, next_at = $5
             WHERE agency = $1 AND sender = ANY($2) AND message_id = ANY($3) AND state IN ('delivered', 'releasing')`,
      values: [agency, messages.map((m) => m.sender), messages.map((m) => m.messageId), code, nextAt],
    });
  }

  /**
   * Opened and compared. A request that was answered already, before the agent was restored from a backup, is not due again.
   * Undefined when it was opened before.
   */
  async markOpened(
    client: Queryable,
    agency: AgencyId,
    message: MessageToOpen,
    opened: {
      subjects: readonly SubjectIdentity[];
      content: MessageContent;
      leafIndex: number;
      reply: 'due' | undefined;
      at: Date;
    },
  ): Promise<{ readonly reply: 'due' | 'sent' | null } | undefined> {
    const { rows } = await client.query<{ reply: 'due' | 'sent' | null }>({
      name: 'inbox-opened',
      text: `UPDATE inbox SET state = 'opened', subjects = $4, content = $5, leaf_index = $6,
               reply = CASE WHEN $7::text = 'due' AND EXISTS (
                 SELECT FROM outbox WHERE outbox.agency = $1 AND outbox.in_reply_to = inbox.manifest_hash
                   AND outbox.kind IN ('answer', 'refusal') AND outbox.state <> 'rejected' AND outbox.state <> 'refused'
               ) THEN 'sent' ELSE $7 END,
               opened_at = $8, code = NULL, outer_token = NULL
             WHERE agency = $1 AND sender = $2 AND message_id = $3 AND state <> 'opened' RETURNING reply`,
      values: [
        agency,
        message.sender,
        message.messageId,
        JSON.stringify(opened.subjects),
        JSON.stringify(opened.content),
        opened.leafIndex,
        opened.reply ?? null,
        opened.at,
      ],
    });
    return rows[0];
  }

  /** Not opened, for good. With a mismatch, the signed word about it is on its way to the log. */
  async markRefused(
    client: Queryable,
    agency: AgencyId,
    message: Pick<MessageToOpen, 'sender' | 'messageId'>,
    refusal: { code: string; leafIndex?: number; mismatch?: string; at: Date },
  ): Promise<void> {
    await client.query({
      name: 'inbox-refused',
      text: `UPDATE inbox SET state = 'refused', leaf_index = coalesce($5, leaf_index),
               code = CASE state WHEN 'refused' THEN code ELSE $4 END,
               mismatch = coalesce($6, mismatch), mismatch_due = coalesce($7, mismatch_due)
             WHERE agency = $1 AND sender = $2 AND message_id = $3 AND state <> 'opened'`,
      values: [
        agency,
        message.sender,
        message.messageId,
        refusal.code,
        refusal.leafIndex ?? null,
        refusal.mismatch ?? null,
        refusal.mismatch === undefined ? null : refusal.at,
      ],
    });
  }

  async mismatchesDue(
    agency: AgencyId,
    now: Date,
  ): Promise<{ sender: AgencyId; messageId: MessageId; token: string }[]> {
    const { rows } = await this.database.query<{ sender: AgencyId; message_id: MessageId; mismatch: string }>({
      name: 'inbox-mismatches-due',
      text: `SELECT sender, message_id, mismatch FROM inbox
             WHERE agency = $1 AND mismatch_due <= $2 AND mismatch IS NOT NULL LIMIT 64`,
      values: [agency, now],
    });
    return rows.map(({ sender, message_id, mismatch }) => ({ sender, messageId: message_id, token: mismatch }));
  }

  /** `nextAt` undefined: it was taken. */
  async mismatchSent(
    agency: AgencyId,
    sender: AgencyId,
    messageId: MessageId,
    nextAt: Date | undefined,
  ): Promise<void> {
    await this.database.query({
      name: 'inbox-mismatch-sent',
      text: 'UPDATE inbox SET mismatch_due = $4 WHERE agency = $1 AND sender = $2 AND message_id = $3',
      values: [agency, sender, messageId, nextAt ?? null],
    });
  }

  async setReply(
    client: Queryable,
    agency: AgencyId,
    message: { sender: AgencyId; messageId: MessageId },
    reply: 'decided' | 'sent',
    notBefore?: Date,
  ): Promise<void> {
    await client.query({
      name: 'inbox-set-reply',
      text: `UPDATE inbox SET reply = $4, reply_not_before = $5
             WHERE agency = $1 AND sender = $2 AND message_id = $3 AND reply IN ('due', 'decided')`,
      values: [agency, message.sender, message.messageId, reply, notBefore ?? null],
    });
  }

  /** It was answered before the agent was restored. */
  async wasAnswered(client: Queryable, agency: AgencyId, manifestHash: Sha256): Promise<void> {
    await client.query({
      text: `UPDATE inbox SET reply = 'sent', reply_not_before = NULL
             WHERE agency = $1 AND manifest_hash = $2 AND reply IN ('due', 'decided')`,
      values: [agency, manifestHash],
    });
  }

  /** Nothing is to be answered any more. */
  async closeReply(
    client: Queryable,
    agency: AgencyId,
    message: { sender: AgencyId; messageId: MessageId },
  ): Promise<void> {
    await client.query({
      name: 'inbox-close-reply',
      text: `UPDATE inbox SET reply = 'closed'
             WHERE agency = $1 AND sender = $2 AND message_id = $3 AND reply IN ('due', 'decided')`,
      values: [agency, message.sender, message.messageId],
    });
  }

  /** The answer did not get through: the request waits again. Undefined when there is no such answered request. */
  async reopenReply(
    client: Queryable,
    agency: AgencyId,
    manifestHash: Sha256,
  ): Promise<{ sender: AgencyId; messageId: MessageId } | undefined> {
    const { rows } = await client.query<{ sender: AgencyId; message_id: MessageId }>({
      name: 'inbox-reopen-reply',
      text: `UPDATE inbox SET reply = 'due', reply_not_before = NULL
             WHERE agency = $1 AND manifest_hash = $2 AND reply = 'sent' RETURNING sender, message_id`,
      values: [agency, manifestHash],
    });
    return rows.map(({ sender, message_id }) => ({ sender, messageId: message_id }))[0];
  }

  async repliesDue(agency: AgencyId, now: Date): Promise<ReceivedMessage[]> {
    const { rows } = await this.database.query<ReceivedRow>({
      name: 'inbox-replies-due',
      text: `${SELECT_RECEIVED} WHERE agency = $1 AND reply = 'decided' AND reply_not_before <= $2
             ORDER BY reply_not_before LIMIT 64`,
      values: [agency, now],
    });
    return rows.map(receivedOf);
  }

  /** Does a notice wait that was not taken yet? */
  async awaitsNotices(agency: AgencyId): Promise<boolean> {
    const { rows } = await this.database.query<{ awaits: boolean }>({
      text: `SELECT EXISTS (SELECT FROM notices WHERE agency = $1 AND state = 'stored') AS awaits`,
      values: [agency],
    });
    return rows[0]?.awaits ?? false;
  }

  async noticesToTake(agency: AgencyId): Promise<ArrivedNotice[]> {
    const { rows } = await this.database.query<{ mailbox_number: string; token: string }>({
      name: 'notices-to-take',
      text: `SELECT mailbox_number, token FROM notices WHERE agency = $1 AND state = 'stored'
             ORDER BY mailbox_number LIMIT 64`,
      values: [agency],
    });
    return rows.map(({ mailbox_number, token }) => ({ number: Number(mailbox_number), token }));
  }

  async markTaken(client: Queryable, agency: AgencyId, numbers: readonly number[]): Promise<void> {
    await client.query({
      name: 'notices-taken',
      text: `UPDATE notices SET state = 'taken' WHERE agency = $1 AND mailbox_number = ANY($2)`,
      values: [agency, numbers],
    });
  }

  async markNoticeRefused(agency: AgencyId, number: number, code: string): Promise<void> {
    await this.database.query({
      text: `UPDATE notices SET state = 'refused', code = $3 WHERE agency = $1 AND mailbox_number = $2`,
      values: [agency, number, code],
    });
  }

  async find(agency: AgencyId, messageId: MessageId): Promise<ReceivedMessage | undefined> {
    const { rows } = await this.database.query<ReceivedRow>({
      name: 'inbox-find',
      text: `${SELECT_RECEIVED} WHERE agency = $1 AND message_id = $2 ORDER BY received_at LIMIT 1`,
      values: [agency, messageId],
    });
    return rows.map(receivedOf)[0];
  }

  async ofExchange(agency: AgencyId, exchangeId: ExchangeId): Promise<ReceivedMessage[]> {
    const { rows } = await this.database.query<ReceivedRow>({
      name: 'inbox-of-exchange',
      text: `${SELECT_RECEIVED} WHERE agency = $1 AND exchange_id = $2 ORDER BY mailbox_number`,
      values: [agency, exchangeId],
    });
    return rows.map(receivedOf);
  }

  /** Mail that wants something of the agency: unopened, or opened and waiting for an answer. Oldest first. */
  async waiting(agency: AgencyId, limit: number): Promise<ReceivedMessage[]> {
    const { rows } = await this.database.query<ReceivedRow>({
      name: 'inbox-waiting',
      text: `${SELECT_RECEIVED} WHERE agency = $1 AND (state IN ('delivered', 'releasing') OR reply IN ('due', 'decided'))
             ORDER BY mailbox_number LIMIT $2`,
      values: [agency, limit],
    });
    return rows.map(receivedOf);
  }
}

const SELECT_RECEIVED = `SELECT message_id, sender, exchange_id, kind, categories, manifest, manifest_hash, in_reply_to,
  state, code, leaf_index, subjects, content, reply, reply_not_before, received_at, opened_at FROM inbox`;

interface ReceivedRow {
  message_id: MessageId;
  sender: AgencyId;
  exchange_id: ExchangeId;
  kind: MessageKind;
  categories: number[];
  manifest: string;
  manifest_hash: Sha256;
  in_reply_to: Sha256 | null;
  state: ReceivedMessage['state'];
  code: string | null;
  leaf_index: string | null;
  subjects: SubjectIdentity[] | null;
  content: MessageContent | null;
  reply: ReceivedMessage['reply'];
  reply_not_before: Date | null;
  received_at: Date;
  opened_at: Date | null;
}

const receivedOf = (row: ReceivedRow): ReceivedMessage => ({
  messageId: row.message_id,
  sender: row.sender,
  exchangeId: row.exchange_id,
  kind: row.kind,
  categories: row.categories,
  manifest: row.manifest,
  manifestHash: row.manifest_hash,
  inReplyTo: row.in_reply_to,
  state: row.state,
  code: row.code,
  leafIndex: row.leaf_index === null ? null : Number(row.leaf_index),
  subjects: row.subjects,
  content: row.content,
  reply: row.reply,
  replyNotBefore: row.reply_not_before,
  receivedAt: row.received_at,
  openedAt: row.opened_at,
});
