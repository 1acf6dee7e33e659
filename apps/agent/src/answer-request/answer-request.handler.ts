import { Inject, Injectable } from '@nestjs/common';
import { dayInHelsinki } from '#calendar';
import { findCategory } from '#catalogue';
import { readManifest } from '#envelope';
import { type AgencyId, AppError, type Clock, type MessageId } from '#kernel';
import { CLOCK, Database, type Queryable } from '#platform';
import type { Officer } from '../domain/content.js';
import type { Decision, Draft } from '../domain/draft-rules.js';
import { tellsWhere } from '../domain/narrow-for-protected.js';
import { SettleReply } from '../draft-answer/settle-reply.js';
import { type DraftItem, DraftStore } from '../infra/draft-store.js';
import { ExchangeStore } from '../infra/exchange-store.js';
import { InboxStore, type ReceivedMessage } from '../infra/inbox-store.js';
import { OutboxStore } from '../infra/outbox-store.js';
import { ProtectedClients } from '../infra/protected-clients.js';
import { Directory, type LoadedCatalogue } from '../look-up-directory/directory.js';
import { Wakeup } from '../run-agent/wakeup.js';
import { SealOutgoing } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

export interface Refusal {
  readonly category?: number;
  readonly reason: string;
  readonly provisions?: readonly string[];
  readonly holder?: AgencyId;
}

export interface ManualItem {
  readonly category: number;
  readonly outcome: 'given' | 'no-record';
  readonly content?: Readonly<Record<string, unknown>>;
  readonly asOf?: string;
  readonly source?: string;
}

export interface ReplyState {
  readonly reply: string;
  readonly notBefore?: Date;
  readonly undecided: readonly number[];
}

/** What a person decides, and by whose name. */
interface Deciding {
  readonly person: Officer;
  readonly caseNumber?: string;
}

type Choose = (items: readonly DraftItem[], loaded: LoadedCatalogue) => readonly { category: number; draft: Draft }[];

/**
 * Decisions of persons about requests: approve drafts, refuse by category, answer by hand, ask back. The answer is sealed
 * once every category is decided.
 */
@Injectable()
export class AnswerRequest {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(DraftStore) private readonly drafts: DraftStore,
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(OutboxStore) private readonly outbox: OutboxStore,
    @Inject(ProtectedClients) private readonly protectedClients: ProtectedClients,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(SettleReply) private readonly settleReply: SettleReply,
    @Inject(SealOutgoing) private readonly sealOutgoing: SealOutgoing,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Approves drafts as they are. @throws AppError NOT_FOUND, CONFLICT (decided already, or a category without a draft) */
  approve(
    agency: ServedAgency,
    messageId: MessageId,
    by: Deciding & { categories?: readonly number[]; refusals?: readonly Refusal[] },
  ): Promise<ReplyState> {
    const refused = new Set((by.refusals ?? []).map(({ category }) => category));
    return this.decide(agency, messageId, by, (items) => {
      const wanted = items.filter(
        ({ category, state, draft }) =>
          !refused.has(category) && (by.categories?.includes(category) ?? (state !== 'decided' && draft !== null)),
      );
      const unknown = by.categories?.find((category) => !items.some((item) => item.category === category));
      if (unknown !== undefined || wanted.some(({ draft }) => draft === null))
        throw new AppError('CONFLICT', 'there is no draft to approve for a category');
      const approved = wanted.flatMap(({ category, draft }) => (draft ? [{ category, draft }] : []));
      return [...approved, ...refusalsOf(items, by.refusals ?? [])];
    });
  }

  /** Refuses categories, in the catalogue's words. @throws AppError NOT_FOUND, CONFLICT, MALFORMED */
  refuse(
    agency: ServedAgency,
    messageId: MessageId,
    by: Deciding & { refusals: readonly Refusal[] },
  ): Promise<ReplyState> {
    return this.decide(agency, messageId, by, (items) => refusalsOf(items, by.refusals));
  }

  /** Answers by hand. @throws AppError NOT_FOUND, CONFLICT, SCHEMA_INVALID, MALFORMED */
  answer(
    agency: ServedAgency,
    messageId: MessageId,
    by: Deciding & { items: readonly ManualItem[] },
  ): Promise<ReplyState> {
    return this.decide(agency, messageId, by, (items, { check }) =>
      by.items.map(({ category, outcome, content, asOf, source }) => {
        if (!items.some((item) => item.category === category))
          throw new AppError('CATEGORY_NOT_HELD', 'this category was not asked for', { category });
        const known = { asOf: asOf ?? dayInHelsinki(this.clock.now()), source: source ?? by.person.unit };
        if (outcome === 'no-record') return { category, draft: { outcome, ...known } };
        if (content === undefined) throw new AppError('MALFORMED', undefined, { members: ['items.content'] });
        const valid = check(category, content);
        if (!valid.ok) throw valid.error;
        return { category, draft: { outcome, content, ...known } };
      }),
    );
  }

  /** Asks back. The request is closed by it; the clarified one comes as a new message. @throws AppError NOT_FOUND, CONFLICT */
  async askBack(
    agency: ServedAgency,
    messageId: MessageId,
    by: { person: Officer; question: string },
  ): Promise<MessageId> {
    const request = await this.openRequest(agency, messageId);
    const manifest = readManifest(request.manifest);
    if (!manifest.ok) throw new Error('a stored manifest cannot be read');
    const sealed = await this.sealOutgoing.seal(agency, {
      exchangeId: request.exchangeId,
      kind: 'clarification',
      recipient: request.sender,
      inReplyTo: request.manifestHash,
      subjects: request.subjects ?? [],
      purpose: manifest.value.context.purpose,
      categories: request.categories,
      basis: [],
      content: { type: 'clarification', question: by.question, officer: by.person },
    });
    if (!sealed.ok) throw sealed.error;
    const at = this.clock.now();
    await this.database.transaction(async (client) => {
      await this.drafts.items(agency.id, request.sender, messageId, client);
      if ((await this.replyOf(client, agency, request)) !== 'due')
        throw new AppError('CONFLICT', 'the request has been answered');
      await this.outbox.add(client, sealed.value, at);
      await this.inbox.setReply(client, agency.id, request, 'sent');
      await this.exchanges.setState(client, agency.id, request.exchangeId, 'question', undefined, at);
    });
    this.wakeup.notify(agency.id, 'send');
    return sealed.value.messageId;
  }

  async replyState(agency: ServedAgency, messageId: MessageId): Promise<ReplyState> {
    const request = await this.inbox.find(agency.id, messageId);
    if (!request?.reply) throw new AppError('NOT_FOUND');
    const items = await this.drafts.items(agency.id, request.sender, messageId);
    return {
      reply: request.reply,
      ...(request.replyNotBefore && request.reply === 'decided' ? { notBefore: request.replyNotBefore } : {}),
      undecided: items.filter(({ state }) => state !== 'decided').map(({ category }) => category),
    };
  }

  private async decide(agency: ServedAgency, messageId: MessageId, by: Deciding, choose: Choose): Promise<ReplyState> {
    const request = await this.openRequest(agency, messageId);
    const loaded = await this.directory.catalogue();
    const isProtected = (await this.protectedClients.among(agency.id, request.subjects ?? [])).length > 0;
    await this.database.transaction(async (client) => {
      const items = await this.drafts.items(agency.id, request.sender, messageId, client);
      if ((await this.replyOf(client, agency, request)) !== 'due')
        throw new AppError('CONFLICT', 'the request has been answered');
      const chosen = choose(items, loaded);
      if (isProtected) refuseWhereabouts(chosen, loaded, dayInHelsinki(this.clock.now()));
      const decisions = chosen.map(({ category, draft }) => ({
        category,
        decision: this.decisionOf(loaded, category, draft, by.person),
      }));
      if (decisions.length === 0) throw new AppError('CONFLICT', 'there is nothing to decide');
      if (by.caseNumber !== undefined)
        await this.exchanges.setCaseNumber(client, agency.id, request.exchangeId, by.caseNumber);
      await this.drafts.decide(client, agency.id, request, decisions);
      const settled = await this.settleReply.settle(client, agency, request, loaded.catalogue);
      if (!settled.ok) throw settled.error;
    });
    this.wakeup.notify(agency.id, 'reply');
    return this.replyState(agency, messageId);
  }

  private decisionOf({ catalogue }: LoadedCatalogue, category: number, draft: Draft, person: Officer): Decision {
    const decision = this.settleReply.decide(catalogue, category, draft, person);
    if (!decision.ok) throw decision.error;
    return decision.value;
  }

  private async openRequest(agency: ServedAgency, messageId: MessageId): Promise<ReceivedMessage> {
    const request = await this.inbox.find(agency.id, messageId);
    if (!request) throw new AppError('NOT_FOUND');
    if (request.state !== 'opened' || request.content?.type !== 'request')
      throw new AppError('CONFLICT', 'this is no opened request');
    if (request.reply !== 'due') throw new AppError('CONFLICT', 'the request has been answered');
    return request;
  }

  /** Under lock: two persons may decide at once. */
  private async replyOf(client: Queryable, agency: ServedAgency, request: ReceivedMessage): Promise<string | null> {
    const { rows } = await client.query<{ reply: string | null }>({
      name: 'reply-lock',
      text: 'SELECT reply FROM inbox WHERE agency = $1 AND sender = $2 AND message_id = $3 FOR UPDATE',
      values: [agency.id, request.sender, request.messageId],
    });
    return rows[0]?.reply ?? null;
  }
}

/** @throws AppError CLIENT_PROTECTED with the category whose content tells where somebody with a turvakielto lives */
function refuseWhereabouts(
  chosen: readonly { category: number; draft: Draft }[],
  { catalogue }: LoadedCatalogue,
  day: string,
): void {
  for (const { category, draft } of chosen)
    if (draft.outcome === 'given' && tellsWhere(draft.content, findCategory(catalogue.categories, category, day)))
      throw new AppError('CLIENT_PROTECTED', undefined, { category });
}

function refusalsOf(items: readonly DraftItem[], refusals: readonly Refusal[]): { category: number; draft: Draft }[] {
  return refusals.flatMap(({ category, reason, provisions, holder }) => {
    const draft: Draft = {
      outcome: 'refused',
      reason,
      ...(provisions === undefined ? {} : { provisions }),
      ...(holder === undefined ? {} : { holder }),
    };
    if (category !== undefined && !items.some((item) => item.category === category))
      throw new AppError('CATEGORY_NOT_HELD', 'this category was not asked for', { category });
    const named = new Set(refusals.flatMap((refusal) => refusal.category ?? []));
    const open = items.filter((item) => item.state !== 'decided' && !named.has(item.category));
    return (category === undefined ? open.map((item) => item.category) : [category]).map((number) => ({
      category: number,
      draft,
    }));
  });
}
