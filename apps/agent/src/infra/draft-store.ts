import { Inject, Injectable } from '@nestjs/common';
import type { MessageContext } from '#envelope';
import type { AgencyId, MessageId } from '#kernel';
import { Database, type Queryable } from '#platform';
import type { Decision, Draft } from '../domain/draft-rules.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

export interface DraftItem {
  readonly category: number;
  readonly state: 'asking' | 'waiting' | 'decided';
  readonly draft: Draft | null;
  readonly decision: Decision | null;
  readonly attempts: number;
  readonly code: string | null;
}

/** A request of which categories are still to be filled by an adapter. */
export interface RequestToDraft {
  readonly sender: AgencyId;
  readonly messageId: MessageId;
  readonly categories: readonly number[];
}

/** Drafts of answers, one item for each category asked. */
@Injectable()
export class DraftStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** One item a category: for its adapter to fill, or for a person. */
  async open(client: Queryable, agency: ServedAgency, context: MessageContext, at: Date): Promise<void> {
    const automatic = agency.settings.adapters
      .filter(({ kind }) => kind !== 'manual')
      .flatMap(({ categories }) => categories);
    await client.query({
      name: 'draft-open',
      text: `INSERT INTO draft_items (agency, sender, message_id, category, state, next_at)
             SELECT $1, $2, $3, category, CASE WHEN category = ANY($5) THEN 'asking' ELSE 'waiting' END, $6
             FROM unnest($4::integer[]) AS category ON CONFLICT DO NOTHING`,
      values: [agency.id, context.sender, context.messageId, context.categories, automatic, at],
    });
  }

  async toFill(agency: AgencyId, now: Date, limit: number): Promise<RequestToDraft[]> {
    const { rows } = await this.database.query<{ sender: AgencyId; message_id: MessageId; categories: number[] }>({
      name: 'draft-to-fill',
      text: `SELECT sender, message_id, array_agg(category ORDER BY category) AS categories FROM draft_items
             WHERE agency = $1 AND state = 'asking' AND next_at <= $2
             GROUP BY sender, message_id ORDER BY min(next_at) LIMIT $3`,
      values: [agency, now, limit],
    });
    return rows.map(({ sender, message_id, categories }) => ({ sender, messageId: message_id, categories }));
  }

  async items(agency: AgencyId, sender: AgencyId, messageId: MessageId, client?: Queryable): Promise<DraftItem[]> {
    const lock = client ? ' FOR UPDATE' : '';
    const { rows } = await (client ?? this.database).query<DraftItem>({
      text: `SELECT category, state, draft, decision, attempts, code FROM draft_items
             WHERE agency = $1 AND sender = $2 AND message_id = $3 ORDER BY category${lock}`,
      values: [agency, sender, messageId],
    });
    return rows;
  }

  /** A draft from an adapter: for a person to decide, or decided at once. Never over a person's decision. */
  async fill(
    client: Queryable,
    agency: AgencyId,
    request: Pick<RequestToDraft, 'sender' | 'messageId'>,
    category: number,
    draft: Draft,
    decision: Decision | undefined,
  ): Promise<void> {
    await client.query({
      name: 'draft-fill',
      text: `UPDATE draft_items SET state = $5, draft = $6, decision = $7, code = NULL
             WHERE agency = $1 AND sender = $2 AND message_id = $3 AND category = $4 AND state = 'asking'`,
      values: [
        agency,
        request.sender,
        request.messageId,
        category,
        decision ? 'decided' : 'waiting',
        JSON.stringify(draft),
        decision ? JSON.stringify(decision) : null,
      ],
    });
  }

  /** No draft can be made: a person answers. */
  async leaveToPerson(
    client: Queryable,
    agency: AgencyId,
    request: Pick<RequestToDraft, 'sender' | 'messageId'>,
    category: number,
    code: string | undefined,
  ): Promise<void> {
    await client.query({
      name: 'draft-leave',
      text: `UPDATE draft_items SET state = 'waiting', code = $5
             WHERE agency = $1 AND sender = $2 AND message_id = $3 AND category = $4 AND state = 'asking'`,
      values: [agency, request.sender, request.messageId, category, code ?? null],
    });
  }

  /** The adapter did not answer: again at `nextAt`, or by hand where there is no time for that. */
  async adapterFailed(
    agency: AgencyId,
    request: RequestToDraft,
    categories: readonly number[],
    code: string,
    nextAt: Date | undefined,
  ): Promise<void> {
    await this.database.query({
      name: 'draft-failed',
      text: `UPDATE draft_items SET attempts = attempts + 1, code = $5, next_at = coalesce($6, next_at),
               state = CASE WHEN $6::timestamptz IS NULL THEN 'waiting' ELSE state END
             WHERE agency = $1 AND sender = $2 AND message_id = $3 AND category = ANY($4) AND state = 'asking'`,
      values: [agency, request.sender, request.messageId, categories, code, nextAt ?? null],
    });
  }

  /** For a person to decide anew: what was decided could not be sent. */
  async reopen(
    client: Queryable,
    agency: AgencyId,
    request: Pick<RequestToDraft, 'sender' | 'messageId'>,
  ): Promise<void> {
    await client.query({
      name: 'draft-reopen',
      text: `UPDATE draft_items SET state = 'waiting', decision = NULL
             WHERE agency = $1 AND sender = $2 AND message_id = $3`,
      values: [agency, request.sender, request.messageId],
    });
  }

  async decide(
    client: Queryable,
    agency: AgencyId,
    request: Pick<RequestToDraft, 'sender' | 'messageId'>,
    decisions: readonly { category: number; decision: Decision }[],
  ): Promise<void> {
    for (const { category, decision } of decisions) {
      await client.query({
        name: 'draft-decide',
        text: `UPDATE draft_items SET state = 'decided', decision = $5
               WHERE agency = $1 AND sender = $2 AND message_id = $3 AND category = $4`,
        values: [agency, request.sender, request.messageId, category, JSON.stringify(decision)],
      });
    }
  }
}
