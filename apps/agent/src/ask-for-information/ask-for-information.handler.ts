import { Inject, Injectable } from '@nestjs/common';
import { dayInHelsinki } from '#calendar';
import { categoryAllows, findCategory } from '#catalogue';
import { type Basis, consentsNamedBy, type MessageKind, type SubjectIdentity } from '#envelope';
import {
  type AgencyId,
  AppError,
  canonicalJson,
  type Clock,
  type ConsentId,
  type ExchangeId,
  type MessageId,
  newExchangeId,
  partyKindOf,
  type Pseudonym,
  type Result,
  type Sha256,
} from '#kernel';
import { CLOCK, Database } from '#platform';
import { chooseBasis } from '../domain/choose-basis.js';
import { FindConsents } from '../choose-basis/find-consents.js';
import type { AnswerItem, Officer, Period, RequestContent, ToldEvidence } from '../domain/content.js';
import { member } from '../hub-client/hub-http.js';
import { ConsentStore } from '../infra/consent-store.js';
import { type Exchange, ExchangeStore, type KeptRequest, type Opening } from '../infra/exchange-store.js';
import { InboxStore, type ReceivedMessage } from '../infra/inbox-store.js';
import { type OutgoingRow, OutboxStore } from '../infra/outbox-store.js';
import { Directory } from '../look-up-directory/directory.js';
import { Wakeup } from '../run-agent/wakeup.js';
import { type ClientIdentity, SealOutgoing, subjectsFor } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { planRecipients } from './plan-recipients.js';

export interface Question {
  /** One, a family, or nobody: a consultation may be about an agreement. */
  readonly clients: readonly ClientIdentity[];
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

export interface CheckReason {
  readonly code: string;
  readonly rule?: string;
  readonly category?: number;
}

/** What would become of a request to one recipient. */
export interface CheckedExchange {
  readonly recipient: AgencyId;
  readonly categories: readonly number[];
  readonly allowed: boolean;
  readonly reasons: readonly CheckReason[];
  readonly basis: readonly Basis[];
  readonly consentNeedless: boolean;
  readonly firstLook: readonly { readonly category: number; readonly system: string }[];
}

interface Sealed {
  readonly row: OutgoingRow;
  readonly exchange: Omit<Exchange, 'changedAt'>;
  readonly basis: readonly Basis[];
}

export const ASK_AGAIN_BATCH = 16;
/** What could not be asked again in so long is left to a person. */
const ASK_AGAIN_WITHIN_MS = 3_600_000;
const TRY_AGAIN_AFTER_MS = 60_000;

/** Asks for information about a client: routes, chooses the basis, seals, and leaves the rest to the outbox. */
@Injectable()
export class AskForInformation {
  private readonly triedAgain = new Map<ExchangeId, Date>();

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(FindConsents) private readonly consents: FindConsents,
    @Inject(ConsentStore) private readonly kept: ConsentStore,
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
    const plan = await this.plan(agency, question);
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

  /**
   * Would it be allowed, and on what would it rest? Nothing is sent and nothing counted: so that nobody sends what must be
   * refused. Tells all reasons, the hub's with the rule that gave each, and where to look before asking.
   *
   * @throws AppError IDENTITY_CODE_INVALID, ROUTE_UNKNOWN, CATEGORY_UNKNOWN, UNAVAILABLE …
   */
  async check(agency: ServedAgency, question: Question): Promise<CheckedExchange[]> {
    const checked: CheckedExchange[] = [];
    for (const [recipient, categories] of await this.plan(agency, question))
      checked.push(await this.checkOne(agency, question, recipient, categories));
    return checked;
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
    return openedExchange(await this.askInstead(agency, exchange, holder, categories));
  }

  /**
   * Requests that ended because a newer version replaced the consent on which they or their answers rested: asked again by
   * themselves, once, where the newest version or the law covers it. The ended one is opened by nobody any more, so nothing is
   * asked twice; what nothing covers stays ended, for a person to see.
   *
   * @returns how many were asked again
   */
  async askAgain(agency: ServedAgency): Promise<number> {
    const now = this.clock.now();
    const since = new Date(now.getTime() - ASK_AGAIN_WITHIN_MS);
    let again = 0;
    for (const exchange of await this.exchanges.endedBySupersession(agency.id, since, ASK_AGAIN_BATCH)) {
      if ((this.triedAgain.get(exchange.id) ?? since).getTime() > now.getTime() - TRY_AGAIN_AFTER_MS) continue;
      this.triedAgain.set(exchange.id, now);
      try {
        await this.askInstead(agency, exchange, exchange.counterpart, exchange.categories);
        this.triedAgain.delete(exchange.id);
        again += 1;
      } catch (error) {
        if (!(error instanceof AppError) || error.status >= 500) throw error;
      }
    }
    return again;
  }

  /** In a new exchange, linked to the old one, which is never asked instead of twice. */
  private async askInstead(
    agency: ServedAgency,
    exchange: Exchange,
    recipient: AgencyId,
    categories: readonly number[],
  ): Promise<Sealed> {
    const sealed = await this.sealRequest(agency, questionOf(exchange), {
      recipient,
      categories,
      exchangeId: newExchangeId(),
      forwardedFrom: exchange.id,
    });
    const at = this.clock.now();
    await this.database.transaction(async (client) => {
      const first = await this.exchanges.markForwarded(client, agency.id, exchange.id, sealed.exchange.id, at);
      if (!first) throw new AppError('CONFLICT', 'it was sent on before');
      await this.exchanges.open(client, agency.id, sealed.exchange);
      await this.outbox.add(client, sealed.row, at);
    });
    this.wakeup.notify(agency.id, 'send');
    return sealed;
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
    const subjects = subjectsFor(agency, question.clients);
    const found = await this.basisFor(agency, question, recipient, target.categories, pseudonymsOf(subjects));
    if (!found.ok) throw found.error;
    const basis = found.value;
    const kind = target.kind ?? kindOf(question);
    const evidence = await this.evidenceFor(agency, basis);
    const content: RequestContent = {
      type: 'request',
      categories: [...target.categories].sort((a, b) => a - b),
      purpose: question.purpose,
      necessity: question.necessity,
      caseNumber: question.caseNumber,
      officer: question.officer,
      ...(question.period === undefined ? {} : { period: question.period }),
      ...(evidence.length === 0 ? {} : { consentEvidence: evidence }),
      ...clarificationOf(question),
    };
    const sealed = await this.sealOutgoing.seal(agency, {
      exchangeId,
      kind,
      recipient,
      ...(inReplyTo === undefined ? {} : { inReplyTo }),
      subjects,
      purpose: question.purpose,
      categories: content.categories,
      basis,
      ...periodFor(question, basis),
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
        subjects: pseudonymsOf(subjects),
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

  private async plan(agency: ServedAgency, question: Question): Promise<ReadonlyMap<AgencyId, readonly number[]>> {
    if (question.recipient) return new Map([[question.recipient, question.categories]]);
    const { catalogue } = await this.directory.catalogue();
    return planRecipients(this.directory, catalogue, {
      asker: agency.id,
      categories: question.categories,
      municipality: question.municipality,
      duty: question.duty,
      clientGroup: question.clientGroup,
      at: this.clock.now(),
    });
  }

  private async checkOne(
    agency: ServedAgency,
    question: Question,
    recipient: AgencyId,
    categories: readonly number[],
  ): Promise<CheckedExchange> {
    const { catalogue } = await this.directory.catalogue();
    const day = dayInHelsinki(this.clock.now());
    const firstLook = categories.flatMap((category) => {
      const system = findCategory(catalogue.categories, category, day)?.firstLook[partyKindOf(recipient)];
      return system === undefined ? [] : [{ category, system }];
    });
    const reasons: CheckReason[] = categories.flatMap((category) => {
      const parties = { asker: partyKindOf(agency.id), holder: partyKindOf(recipient), day };
      const allowed = categoryAllows(findCategory(catalogue.categories, category, day), parties);
      return allowed.ok ? [] : [{ code: allowed.error.code, category }];
    });
    const subjects = subjectsFor(agency, question.clients);
    const basis = await this.basisFor(agency, question, recipient, categories, pseudonymsOf(subjects));
    const nothing = { recipient, categories: [...categories], firstLook, consentNeedless: false };
    if (!basis.ok) return { ...nothing, allowed: false, basis: [], reasons: [...reasons, reasonOf(basis.error)] };
    const framed = await this.sealOutgoing.frame(agency, {
      exchangeId: newExchangeId(),
      kind: kindOf(question),
      recipient,
      subjects,
      purpose: question.purpose,
      categories,
      basis: basis.value,
      ...periodFor(question, basis.value),
      urgency: question.urgency ?? 'normal',
      ...(question.deadline === undefined ? {} : { deadline: question.deadline }),
    });
    const local = { ...nothing, basis: basis.value };
    if (!framed.ok) return { ...local, allowed: false, reasons: [...reasons, reasonOf(framed.error)] };
    const answer = await agency.hub.askBasis(canonicalJson(framed.value.context));
    const told = reasonsOf(answer);
    return {
      ...local,
      allowed: member(answer, 'allowed') === true && reasons.length === 0,
      reasons: [...reasons, ...told.filter(({ code }) => !reasons.some((known) => known.code === code))],
      consentNeedless: member(answer, 'consentNeedless') === true,
    };
  }

  /** What shows each consent that this agency collected: for the discloser alone, inside the sealed part. */
  private async evidenceFor(agency: ServedAgency, basis: readonly Basis[]): Promise<ToldEvidence[]> {
    const kept = await this.kept.versions(agency.id, consentsNamedBy(basis));
    return kept.flatMap(({ id, version, evidence, evidenceSalt }) =>
      evidence === null || evidenceSalt === null ? [] : [{ consentId: id, version, evidence, salt: evidenceSalt }],
    );
  }

  /** Errors: NO_BASIS with the first category for which there is neither statute nor consent. */
  private async basisFor(
    agency: ServedAgency,
    question: Pick<Question, 'purpose' | 'consentId'>,
    holder: AgencyId,
    categories: readonly number[],
    subjects: readonly Pseudonym[],
  ): Promise<Result<Basis[]>> {
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
      subjects,
    };
    const [subject] = subjects;
    const named = question.consentId && subject && (await this.consents.named(agency, question.consentId, subject));
    const byStatute = chooseBasis({ ...asked, consents: [], ...(named ? { named } : {}) });
    if (byStatute.ok) return byStatute;
    // The hub is asked about consents only where no statute gives the right.
    return chooseBasis({ ...asked, ...(await this.consents.inForce(agency, subjects)) });
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

const kindOf = ({ urgency }: Pick<Question, 'urgency'>): MessageKind =>
  urgency === 'consultation' ? 'consultation' : 'request';

const pseudonymsOf = (subjects: readonly SubjectIdentity[]): Pseudonym[] => subjects.map(({ pseudonym }) => pseudonym);

/** The hub learns of the period where a consent may limit it, and not otherwise. */
const periodFor = (
  { period }: Pick<Question, 'period'>,
  basis: readonly Basis[],
): { dataPeriod?: { from: string; to: string } } =>
  period === undefined || consentsNamedBy(basis).length === 0
    ? {}
    : { dataPeriod: { from: period.from, to: period.to } };

const reasonOf = ({ code, details }: AppError): CheckReason => {
  const { category } = details;
  return typeof category === 'number' ? { code, category } : { code };
};

function reasonsOf(answer: unknown): CheckReason[] {
  const reasons = member(answer, 'reasons');
  return (Array.isArray(reasons) ? (reasons as unknown[]) : []).map((reason) => {
    const rule = member(reason, 'rule');
    return { code: String(member(reason, 'code')), ...(typeof rule === 'string' ? { rule } : {}) };
  });
}

const clarificationOf = (question: object): { clarification?: string } =>
  'clarification' in question && typeof question.clarification === 'string'
    ? { clarification: question.clarification }
    : {};

const keptRequest = (question: Omit<Question, 'categories'>): KeptRequest => ({
  clients: question.clients,
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
