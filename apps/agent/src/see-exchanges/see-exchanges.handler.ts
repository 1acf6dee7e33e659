import { Inject, Injectable } from '@nestjs/common';
import { AppError, type Clock, type ExchangeId, type MessageId } from '#kernel';
import { CLOCK } from '#platform';
import type { CallingSystem } from '../authenticate-system/calling-system.js';
import { member } from '../hub-client/hub-http.js';
import { ExamineEvidence, type ExaminedEvidence } from '../examine-evidence/examine-evidence.js';
import { stageOf } from '../domain/stage.js';
import { DraftStore } from '../infra/draft-store.js';
import { type Exchange, ExchangeStore } from '../infra/exchange-store.js';
import { InboxStore, type ReceivedMessage } from '../infra/inbox-store.js';
import { OutboxStore, type SentMessage } from '../infra/outbox-store.js';
import { Wakeup } from '../run-agent/wakeup.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import type {
  ExchangeDto,
  ExchangeMessageDto,
  ExchangesDto,
  ExchangesQuery,
  ExchangeSummaryDto,
  InboxDto,
  InboxItemDto,
  InboxSummaryDto,
  LooksDto,
} from './exchange.dto.js';

const MOST_WAITING = 200;

/** What an agency's own people see of its exchanges. Each look at opened content is recorded first. */
@Injectable()
export class SeeExchanges {
  constructor(
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(InboxStore) private readonly mail: InboxStore,
    @Inject(OutboxStore) private readonly outbox: OutboxStore,
    @Inject(DraftStore) private readonly drafts: DraftStore,
    @Inject(ExamineEvidence) private readonly evidence: ExamineEvidence,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async list(agency: ServedAgency, { before, ...filter }: ExchangesQuery): Promise<ExchangesDto> {
    const found = await this.exchanges.list(agency.id, {
      ...filter,
      ...(before === undefined ? {} : { before: new Date(before) }),
    });
    return { exchanges: found.map(summaryOf) };
  }

  /** @throws AppError NOT_FOUND */
  async show(caller: CallingSystem, id: ExchangeId): Promise<ExchangeDto> {
    const { agency } = caller;
    const exchange = await this.exchanges.find(agency.id, id);
    if (!exchange) throw new AppError('NOT_FOUND');
    // Read later than the state: nobody is told that there is an answer and not shown it.
    const [sent, received] = await Promise.all([
      this.outbox.ofExchange(agency.id, id),
      this.mail.ofExchange(agency.id, id),
    ]);
    if (received.some(({ content }) => content !== null)) await this.recordLook(caller, id, 'exchange');
    const hub = await this.stateAtHub(agency, id, exchange);
    const messages = [...sent.map((message) => sentMessage(message, hub.states)), ...received.map(receivedMessage)];
    messages.sort((a, b) => a.at.localeCompare(b.at));
    return {
      ...summaryOf(exchange),
      stage: stageOf(exchange, sent, received, hub.states),
      ...(hub.deadline === undefined ? {} : { deadline: hub.deadline }),
      messages,
    };
  }

  async looks(agency: ServedAgency, id: ExchangeId): Promise<LooksDto> {
    const looks = await this.exchanges.looks(agency.id, id);
    return {
      looks: looks.map(({ system, worker, what, at }) => ({
        system,
        ...(worker === null ? {} : { worker }),
        what,
        at: at.toISOString(),
      })),
    };
  }

  async inbox(agency: ServedAgency): Promise<InboxDto> {
    return { messages: (await this.mail.waiting(agency.id, MOST_WAITING)).map(inboxSummary) };
  }

  /** @throws AppError NOT_FOUND */
  async message(caller: CallingSystem, messageId: MessageId): Promise<InboxItemDto> {
    const { agency } = caller;
    const message = await this.mail.find(agency.id, messageId);
    if (!message) throw new AppError('NOT_FOUND');
    if (message.content) await this.recordLook(caller, message.exchangeId, `message ${message.kind}`);
    const items = await this.drafts.items(agency.id, message.sender, messageId);
    const evidence = await this.evidenceIn(agency, message);
    return {
      ...inboxSummary(message),
      ...(message.subjects
        ? { clients: message.subjects.map(({ type, value, name }) => ({ type, value, name })) }
        : {}),
      ...(message.content ? { content: message.content } : {}),
      ...(evidence.length === 0 ? {} : { consentEvidence: evidence }),
      ...(message.leafIndex === null ? {} : { leafIndex: message.leafIndex }),
      draft: items.map(({ category, state, draft, decision, code }) => ({
        category,
        state,
        ...(draft === null ? {} : { draft }),
        ...(decision === null ? {} : { decision }),
        ...(code === null ? {} : { code }),
      })),
    };
  }

  /** @throws AppError NOT_FOUND when there is no such unopened message */
  async open(caller: CallingSystem, messageId: MessageId): Promise<void> {
    const by = caller.worker ?? caller.system;
    const found = await this.mail.wantOpened(caller.agency.id, messageId, by, this.clock.now());
    if (!found && !(await this.mail.find(caller.agency.id, messageId))) throw new AppError('NOT_FOUND');
    this.wakeup.notify(caller.agency.id, 'open');
  }

  private evidenceIn(agency: ServedAgency, { content, subjects }: ReceivedMessage): Promise<ExaminedEvidence[]> {
    const told = content?.type === 'request' ? (content.consentEvidence ?? []) : [];
    const pseudonyms = (subjects ?? []).map(({ pseudonym }) => pseudonym);
    return this.evidence.examine(agency, pseudonyms, told);
  }

  private recordLook({ agency, system, worker }: CallingSystem, exchangeId: ExchangeId, what: string): Promise<void> {
    return this.exchanges.recordLook(agency.id, {
      exchangeId,
      system,
      ...(worker === undefined ? {} : { worker }),
      what,
      at: this.clock.now(),
    });
  }

  /** Whether the other side has opened it, and by when it is to be answered. Not known while the hub is away. */
  private async stateAtHub(
    agency: ServedAgency,
    id: ExchangeId,
    exchange: Exchange,
  ): Promise<{ states: ReadonlyMap<string, string>; deadline: string | undefined }> {
    const nothing = { states: new Map<string, string>(), deadline: undefined };
    if (exchange.state !== 'open' && exchange.state !== 'question') return nothing;
    try {
      const found = await agency.hub.exchange(id);
      const messages = member(found, 'messages');
      const deadline = member(found, 'deadline');
      const states = new Map(
        (Array.isArray(messages) ? (messages as unknown[]) : []).map((message) => [
          String(member(message, 'messageId')),
          String(member(message, 'state')),
        ]),
      );
      return { states, deadline: typeof deadline === 'string' ? deadline : undefined };
    } catch (error) {
      if (error instanceof AppError) return nothing;
      throw error;
    }
  }
}

const summaryOf = (exchange: Exchange): ExchangeSummaryDto => ({
  exchangeId: exchange.id,
  role: exchange.role,
  counterpart: exchange.counterpart,
  openedBy: exchange.openedBy,
  purpose: exchange.purpose,
  categories: [...exchange.categories],
  ...(exchange.caseNumber === null ? {} : { caseNumber: exchange.caseNumber }),
  state: exchange.state,
  ...(exchange.code === null ? {} : { code: exchange.code }),
  ...(exchange.forwardedFrom === null ? {} : { forwardedFrom: exchange.forwardedFrom }),
  ...(exchange.forwardedTo === null ? {} : { forwardedTo: exchange.forwardedTo }),
  createdAt: exchange.createdAt.toISOString(),
  changedAt: exchange.changedAt.toISOString(),
});

const sentMessage = (message: SentMessage, states: ReadonlyMap<string, string>): ExchangeMessageDto => {
  const opened = states.get(message.messageId) === 'released' ? 'opened' : undefined;
  const own = message.state === 'sealed' || message.state === 'posted' ? 'submitted' : message.state;
  const code = message.outcomeCode ?? message.code;
  return {
    messageId: message.messageId,
    direction: 'sent',
    kind: message.kind,
    state: message.outcome ?? opened ?? own,
    ...(code === null ? {} : { code }),
    ...(message.detail === null ? {} : { detail: message.detail }),
    ...(message.leafIndex === null ? {} : { leafIndex: message.leafIndex }),
    manifestHash: message.manifestHash,
    ...(message.content === null || message.content.type === 'pseudonym-key' ? {} : { content: message.content }),
    at: message.createdAt.toISOString(),
  };
};

const receivedMessage = (message: ReceivedMessage): ExchangeMessageDto => ({
  messageId: message.messageId,
  direction: 'received',
  kind: message.kind,
  state: message.state === 'releasing' ? 'delivered' : message.state,
  ...(message.code === null ? {} : { code: message.code }),
  ...(message.leafIndex === null ? {} : { leafIndex: message.leafIndex }),
  manifestHash: message.manifestHash,
  ...(message.content === null || message.content.type === 'pseudonym-key' ? {} : { content: message.content }),
  at: message.receivedAt.toISOString(),
});

const inboxSummary = (message: ReceivedMessage): InboxSummaryDto => ({
  messageId: message.messageId,
  exchangeId: message.exchangeId,
  sender: message.sender,
  kind: message.kind,
  categories: [...message.categories],
  state: message.state,
  ...(message.reply === null ? {} : { reply: message.reply }),
  ...(message.code === null ? {} : { code: message.code }),
  receivedAt: message.receivedAt.toISOString(),
});
