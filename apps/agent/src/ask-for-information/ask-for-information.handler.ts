import { Inject, Injectable } from '@nestjs/common';
import { dayInHelsinki } from '#calendar';
import type { Basis, MessageKind } from '#envelope';
import {
  type AgencyId,
  AppError,
  type Clock,
  type ConsentId,
  type ExchangeId,
  type MessageId,
  newExchangeId,
  type Pseudonym,
  type Sha256,
} from '#kernel';
import { CLOCK, Database } from '#platform';
import { chooseBasis } from '../domain/choose-basis.js';
import { FindConsents } from '../choose-basis/find-consents.js';
import type { AnswerItem, Officer, Period, RequestContent } from '../domain/content.js';
import { type Exchange, ExchangeStore, type KeptRequest, type Opening } from '../infra/exchange-store.js';
import { InboxStore, type ReceivedMessage } from '../infra/inbox-store.js';
import { type OutgoingRow, OutboxStore } from '../infra/outbox-store.js';
import { Directory } from '../look-up-directory/directory.js';
import { Wakeup } from '../run-agent/wakeup.js';
import { type ClientIdentity, SealOutgoing, subjectOf } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { planRecipients } from './plan-recipients.js';

export interface Question {
  readonly client: ClientIdentity;
  readonly categories: readonly number[];
  readonly purpose: string;
  readonly necessity: string;
  readonly caseNumber: string;
  readonly officer: Officer;
  readonly urgency?: 'urgent' | 'normal' | 'consultation';
  readonly deadline?: string;
  readonly period?: Period;
  readonly municipality?: string;
  readonly duty?: string;
  readonly clientGroup?: string;
  readonly recipient?: AgencyId;
  readonly consentId?: ConsentId;
  readonly opening?: Opening;
  readonly expiresAt?: string;
}

export interface OpenedExchange {
  readonly exchangeId: ExchangeId;
  readonly messageId: MessageId;
  readonly recipient: AgencyId;
  readonly categories: readonly number[];
  readonly basis: readonly Basis[];
}

interface Sealed {
  readonly row: OutgoingRow;
  readonly exchange: Omit<Exchange, 'changedAt'>;
  readonly basis: readonly Basis[];
}

/** Asks for information about a client: routes, chooses the basis, seals, and leaves the rest to the outbox. */
@Injectable()
export class AskForInformation {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(FindConsents) private readonly consents: FindConsents,
    @Inject(SealOutgoing) private readonly sealOutgoing: SealOutgoing,
    @Inject(OutboxStore) private readonly outbox: OutboxStore,
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * One exchange a recipient, all of them or none.
   *
   * @throws AppError IDENTITY_CODE_INVALID, ROUTE_UNKNOWN, NO_BASIS, RECIPIENT_UNKNOWN, CONTENT_TOO_LARGE …
   */
  async ask(agency: ServedAgency, question: Question): Promise<OpenedExchange[]> {
    const { catalogue } = await this.directory.catalogue();
    const plan = question.recipient
      ? new Map([[question.recipient, question.categories]])
      : await planRecipients(this.directory, catalogue, {
          asker: agency.id,
          categories: question.categories,
          municipality: question.municipality,
          duty: question.duty,
          clientGroup: question.clientGroup,
          at: this.clock.now(),
        });
    const sealed: Sealed[] = [];
    for (const [recipient, categories] of plan)
      sealed.push(await this.sealRequest(agency, question, { recipient, categories, exchangeId: newExchangeId() }));
    const at = this.clock.now();
    await this.database.transaction(async (client) => {
      for (const { row, exchange } of sealed) {
        await this.exchanges.open(client, agency.id, exchange);
        await this.outbox.add(client, row, at);
      }
    });
    this.wakeup.notify(agency.id, 'send');
    return sealed.map(openedExchange);
  }

  /** Answers a question back: the request again, made clear. @throws AppError NOT_FOUND, CONFLICT and as `ask` */
  async clarify(
    agency: ServedAgency,
    id: ExchangeId,
    clarified: { clarification: string; necessity?: string; officer?: Officer; period?: Period },
  ): Promise<OpenedExchange> {
    const exchange = await this.askedExchange(agency, id);
    if (exchange.state !== 'question') throw new AppError('CONFLICT', 'nothing was asked back');
    const received = await this.inbox.ofExchange(agency.id, id);
    const asked = received.findLast(({ content }) => content?.type === 'clarification');
    if (!asked) throw new Error('a question back without its message');
    const question = { ...questionOf(exchange), ...clarified };
    const sealed = await this.sealRequest(agency, question, {
      recipient: exchange.counterpart,
      categories: exchange.categories,
      exchangeId: id,
      kind: exchange.openedBy,
      inReplyTo: asked.manifestHash,
    });
    const at = this.clock.now();
    await this.database.transaction(async (client) => {
      await this.outbox.add(client, sealed.row, at);
      await this.exchanges.setState(client, agency.id, id, 'open', undefined, at);
    });
    this.wakeup.notify(agency.id, 'send');
    return openedExchange(sealed);
  }

  /**
   * After `not-holder`: what that party does not hold is asked of whom it named, in a new exchange that is linked to the
   * old one. The hub cannot forward what it cannot read.
   *
   * @throws AppError NOT_FOUND, CONFLICT and as `ask`
   */
  async forward(agency: ServedAgency, id: ExchangeId, to?: AgencyId): Promise<OpenedExchange> {
    const exchange = await this.askedExchange(agency, id);
    const { holder, categories } = namedHolder(await this.inbox.ofExchange(agency.id, id), to);
    const sealed = await this.sealRequest(agency, questionOf(exchange), {
      recipient: holder,
      categories,
      exchangeId: newExchangeId(),
      forwardedFrom: id,
    });
    const at = this.clock.now();
    await this.database.transaction(async (client) => {
      const first = await this.exchanges.markForwarded(client, agency.id, id, sealed.exchange.id, at);
      if (!first) throw new AppError('CONFLICT', 'it was sent on before');
      await this.exchanges.open(client, agency.id, sealed.exchange);
      await this.outbox.add(client, sealed.row, at);
    });
    this.wakeup.notify(agency.id, 'send');
    return openedExchange(sealed);
  }

  private async sealRequest(
    agency: ServedAgency,
    question: Omit<Question, 'categories'>,
    target: {
      recipient: AgencyId;
      categories: readonly number[];
      exchangeId: ExchangeId;
      kind?: MessageKind;
      inReplyTo?: Sha256;
      forwardedFrom?: ExchangeId;
      clarification?: string;
    },
  ): Promise<Sealed> {
    const { recipient, exchangeId, inReplyTo } = target;
    const subject = subjectOf(agency, question.client);
    const basis = await this.basisFor(agency, question, recipient, target.categories, subject.pseudonym);
    const kind = target.kind ?? (question.urgency === 'consultation' ? 'consultation' : 'request');
    const content: RequestContent = {
      type: 'request',
      categories: [...target.categories].sort((a, b) => a - b),
      purpose: question.purpose,
      necessity: question.necessity,
      caseNumber: question.caseNumber,
      officer: question.officer,
      ...(question.period === undefined ? {} : { period: question.period }),
      ...clarificationOf(question),
    };
    const sealed = await this.sealOutgoing.seal(agency, {
      exchangeId,
      kind,
      recipient,
      ...(inReplyTo === undefined ? {} : { inReplyTo }),
      subjects: [subject],
      purpose: question.purpose,
      categories: content.categories,
      basis,
      urgency: question.urgency ?? 'normal',
      ...(question.deadline === undefined ? {} : { deadline: question.deadline }),
      ...(question.expiresAt === undefined ? {} : { expiresAt: new Date(question.expiresAt) }),
      content,
    });
    if (!sealed.ok) throw sealed.error;
    return {
      row: sealed.value,
      basis,
      exchange: {
        id: exchangeId,
        role: 'asker',
        counterpart: recipient,
        openedBy: kind,
        subject: subject.pseudonym,
        purpose: question.purpose,
        categories: content.categories,
        caseNumber: question.caseNumber,
        opening: question.opening ?? agency.settings.opening,
        state: 'open',
        code: null,
        request: keptRequest(question),
        forwardedFrom: target.forwardedFrom ?? null,
        forwardedTo: null,
        createdAt: this.clock.now(),
      },
    };
  }

  private async basisFor(
    agency: ServedAgency,
    question: Pick<Question, 'purpose' | 'consentId'>,
    holder: AgencyId,
    categories: readonly number[],
    subject: Pseudonym,
  ): Promise<Basis[]> {
    const { catalogue } = await this.directory.catalogue();
    const at = this.clock.now();
    const asked = {
      catalogue,
      asker: agency.id,
      holder,
      categories,
      purpose: question.purpose,
      day: dayInHelsinki(at),
      at,
      subjects: [subject],
    };
    const named = question.consentId && (await this.consents.named(agency, question.consentId, subject));
    const byStatute = chooseBasis({ ...asked, consents: [], ...(named ? { named } : {}) });
    if (byStatute.ok) return byStatute.value;
    // The hub is asked about consents only where no statute gives the right.
    const basis = chooseBasis({ ...asked, consents: await this.consents.inForce(agency, subject) });
    if (!basis.ok) throw basis.error;
    return basis.value;
  }

  private async askedExchange(agency: ServedAgency, id: ExchangeId): Promise<Exchange> {
    const exchange = await this.exchanges.find(agency.id, id);
    if (exchange?.role !== 'asker' || exchange.request === null) throw new AppError('NOT_FOUND');
    return exchange;
  }
}

const openedExchange = ({ row, basis }: Sealed): OpenedExchange => ({
  exchangeId: row.exchangeId,
  messageId: row.messageId,
  recipient: row.recipient,
  categories: row.categories,
  basis,
});

const clarificationOf = (question: object): { clarification?: string } =>
  'clarification' in question && typeof question.clarification === 'string'
    ? { clarification: question.clarification }
    : {};

const keptRequest = (question: Omit<Question, 'categories'>): KeptRequest => ({
  client: question.client,
  necessity: question.necessity,
  officer: question.officer,
  ...(question.urgency === undefined ? {} : { urgency: question.urgency }),
  ...(question.period === undefined ? {} : { period: question.period }),
  ...(question.consentId === undefined ? {} : { consentId: question.consentId }),
});

function questionOf({ request, purpose, caseNumber, opening }: Exchange): Omit<Question, 'categories'> {
  if (!request || caseNumber === null) throw new Error('an asked exchange without its request');
  return { ...request, purpose, caseNumber, opening };
}

/** Whom the other side named, and for which categories. */
function namedHolder(
  received: readonly ReceivedMessage[],
  to: AgencyId | undefined,
): { holder: AgencyId; categories: number[] } {
  const items = received.flatMap(({ content }): readonly AnswerItem[] =>
    content?.type === 'refusal' || content?.type === 'answer' ? content.items : [],
  );
  const named = items.flatMap((item) => (item.outcome === 'refused' && item.holder ? [item] : []));
  const holder = to ?? named[0]?.holder;
  const categories = named.filter((item) => to !== undefined || item.holder === holder).map(({ category }) => category);
  if (holder === undefined || categories.length === 0) throw new AppError('CONFLICT', 'no other holder was named');
  return { holder, categories };
}
