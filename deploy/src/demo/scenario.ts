import type { AgencySystem, AnswerItem, ExchangeView, InboxItem, OpenedExchange } from './agency-system.js';
import { RefusedByAgent } from './agency-system.js';
import { agencies, client, countyClients, kelaClients, officers, stranger } from './cast.js';
import { countyContentOf } from './county-register.js';
import type { Narrator } from './narrator.js';
import type { TestPerson } from './people.js';

export interface Systems {
  readonly municipality: AgencySystem;
  readonly county: AgencySystem;
  readonly employment: AgencySystem;
  readonly kela: AgencySystem;
}

export const identityOf = (person: TestPerson): object => ({
  type: 'henkilotunnus',
  value: person.identityCode,
  name: person.name,
});
export const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();
const words = (basis: OpenedExchange['basis']): string =>
  [
    ...new Set(
      basis.map(({ secrecyLift }) =>
        'statute' in secrecyLift ? `statute ${(secrecyLift.statute as { id: string }).id}` : 'consent',
      ),
    ),
  ].join(' + ') || '–';

export function answerItem(exchange: ExchangeView, category: number): AnswerItem {
  const item = exchange.messages
    .flatMap(({ content }) => content?.items ?? [])
    .findLast((found) => found.category === category);
  if (!item) throw new Error(`no answer on category ${category}`);
  return item;
}

const lastLeaf = (exchange: ExchangeView): number | undefined =>
  exchange.messages
    .flatMap(({ leafIndex }) => leafIndex ?? [])
    .reduce<number | undefined>((a, b) => Math.max(a ?? 0, b), undefined);

export function expectEqual(found: unknown, wanted: unknown, what: string): void {
  if (stable(found) !== stable(wanted)) throw new Error(`${what}: what was opened differs from the register`);
}

/** JSON with sorted members, so that only the values count. */
const stable = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => a.localeCompare(b)))
      : part,
  );

/** What the agencies do with each other, as their own systems see it. */
export class Scenario {
  constructor(
    private readonly systems: Systems,
    private readonly narrator: Narrator,
  ) {}

  /** Step 2. @returns the consent's id */
  async recordConsent(until: string = inDays(180)): Promise<string> {
    const consent = await this.systems.municipality.post<{ consentId: string; state: string }>('/v1/consents', {
      client: identityOf(client),
      disclosers: [agencies.county.id],
      categories: [12],
      purposes: ['plan'],
      validUntil: until,
      method: 'written',
      interpreter: true,
      language: 'uk',
      noticeVersion: 'notice-2026-1',
      evidence: 'Signed on paper with an interpreter present',
    });
    this.narrator.say(
      `consent …${consent.consentId.slice(-8)}: functional ability, from ${agencies.county.id}, for the plan, until ${until.slice(0, 10)}`,
    );
    return consent.consentId;
  }

  /** Step 3: a statute, a consent and a refusal in one answer. */
  async askCounty(consentId: string): Promise<void> {
    const { municipality, county } = this.systems;
    const asked = await this.ask({ categories: [11, 12, 13], consentId, duty: 'social-welfare' });
    this.narrator.say(
      `${asked.recipient} found by rule; need for social services by ${words(asked.basis.slice(0, 1))}, functional ability by consent`,
    );
    const mail = await county.mailUntil(asked.exchangeId, drafted([11, 12]));
    this.narrator.say(`${county.agency} opened it against a permit and drafted categories 11 and 12 from its register`);
    await county.post(`/v1/inbox/${mail.messageId}/approve`, {
      person: officers.socialWorker,
      categories: [11, 12],
      refusals: [{ category: 13, reason: 'not-holder', provisions: ['434/2003-21'], holder: agencies.kela.id }],
      caseNumber: 'LUVN/2026/118',
    });
    this.narrator.say(
      `${officers.socialWorker.title} ${officers.socialWorker.name} approved two categories and refused housing`,
    );
    const answered = await municipality.exchangeUntil(asked.exchangeId, isAnswered);
    const register = countyContentOf(countyClients[0]!);
    expectEqual(answerItem(answered, 11).content, register['11'], 'need for social services');
    expectEqual(answerItem(answered, 12).content, register['12'], 'functional ability');
    const refused = answerItem(answered, 13);
    this.narrator.say(
      `${municipality.agency} opened the answer: equal to the county's register; housing refused: ${refused.reason} (${refused.provisions?.join(', ')})`,
    );
    this.keep(asked, answered, 'answered in part');
  }

  /** Step 4. */
  async askKela(): Promise<void> {
    const { municipality } = this.systems;
    const asked = await this.ask({ categories: [9], purpose: 'assessment' });
    const answered = await municipality.exchangeUntil(asked.exchangeId, isAnswered);
    expectEqual(answerItem(answered, 9).content, { benefits: kelaClients[client.identityCode] }, 'benefits');
    this.narrator.say(
      `${asked.recipient} answered by webhook on ${words(asked.basis)}, no consent: equal to its register`,
    );
    this.keep(asked, answered, 'answered');

    const unknown = await this.ask({ categories: [9], purpose: 'assessment', person: stranger });
    const noRecord = await municipality.exchangeUntil(unknown.exchangeId, isAnswered);
    const { outcome } = answerItem(noRecord, 9);
    if (outcome !== 'no-record') throw new Error(`somebody unknown was answered ${outcome}`);
    this.narrator.say(`about somebody whom it does not know: no record, which the basis covers saying`);
    this.keep(unknown, noRecord, 'no-record');
  }

  /** Step 5: a question back, made clear, answered by hand. */
  async askEmploymentAuthority(): Promise<void> {
    const { municipality, employment } = this.systems;
    const asked = await this.ask({ categories: [4], purpose: 'coordination', recipient: agencies.employment.id });
    const first = await employment.mailUntil(asked.exchangeId, () => true);
    await employment.post(`/v1/inbox/${first.messageId}/clarify`, {
      person: officers.employmentExpert,
      question: 'Tarkoitatteko voimassa olevaa suunnitelmaa vai myös päättynyttä?',
    });
    const questioned = await municipality.exchangeUntil(asked.exchangeId, ({ messages }) =>
      messages.some(({ kind, content }) => kind === 'clarification' && content?.question !== undefined),
    );
    this.narrator.say(
      `${employment.agency} asks back: ${questioned.messages.find(({ kind }) => kind === 'clarification')?.content?.question}`,
    );
    await municipality.post(`/v1/exchanges/${asked.exchangeId}/clarify-reply`, {
      clarification: 'Voimassa olevaa suunnitelmaa.',
    });
    const second = await employment.mailUntil(asked.exchangeId, ({ messageId }) => messageId !== first.messageId);
    await employment.post(`/v1/inbox/${second.messageId}/answer`, {
      person: officers.employmentExpert,
      items: [
        {
          category: 4,
          outcome: 'given',
          content: { status: 'valid', start: '2026-03-02', end: '2027-03-01', familyPlan: false },
          source: 'URA',
        },
      ],
    });
    const answered = await municipality.exchangeUntil(asked.exchangeId, isAnswered);
    this.narrator.say(
      `${municipality.agency} made it clear and got the answer: plan ${String(answerItem(answered, 4).content?.['status'])}`,
    );
    this.keep(asked, answered, 'answered after a question back');
  }

  /** Step 6: a referral; and a request to the wrong authority, sent on with one call. */
  async referAndForward(): Promise<void> {
    const { municipality, county, employment } = this.systems;
    const referral = await employment.post<OpenedExchange>('/v1/referrals', {
      client: identityOf(client),
      recipient: municipality.agency,
      purpose: 'guidance',
      reason: 'Asiakas siirtyy kunnan kotoutumispalveluihin.',
      caseNumber: 'TE/2026/77',
      officer: officers.employmentExpert,
      items: [{ category: 7, content: { status: 'not-registered' } }],
    });
    const received = await municipality.exchangeUntil(referral.exchangeId, ({ messages }) =>
      messages.some(({ direction, state }) => direction === 'received' && state === 'opened'),
    );
    this.narrator.say(`${employment.agency} referred the client to ${municipality.agency}`);
    this.narrator.keep({
      id: referral.exchangeId,
      from: employment.agency,
      to: municipality.agency,
      categories: [7],
      basis: words(referral.basis),
      outcome: 'referred',
      logIndex: lastLeaf(received),
    });

    const wrong = await this.ask({ categories: [13], recipient: county.agency });
    const mail = await county.mailUntil(wrong.exchangeId, () => true);
    await county.post(`/v1/inbox/${mail.messageId}/refuse`, {
      person: officers.socialWorker,
      refusals: [{ category: 13, reason: 'not-holder', holder: agencies.kela.id }],
    });
    const refused = await municipality.exchangeUntil(
      wrong.exchangeId,
      ({ state, messages }) => state === 'refused' && opened(messages),
    );
    this.narrator.say(`${county.agency} does not hold housing and names ${answerItem(refused, 13).holder}`);
    this.keep(wrong, refused, 'not-holder');
    const forwarded = await municipality.post<OpenedExchange>(`/v1/exchanges/${wrong.exchangeId}/forward`);
    const answered = await municipality.exchangeUntil(forwarded.exchangeId, isAnswered);
    this.narrator.say(
      `sent on to ${forwarded.recipient} with one call, sealed anew: housing ${String(answerItem(answered, 13).content?.['situation'])}`,
    );
    this.keep(forwarded, answered, 'answered after forwarding');
  }

  /** Step 7: withdrawn between delivery and opening. */
  async withdrawBeforeOpening(): Promise<void> {
    const { municipality, county } = this.systems;
    const consentId = await this.recordConsent();
    const asked = await this.ask({ categories: [12], consentId, duty: 'social-welfare', opening: 'by-hand' });
    const mail = await county.mailUntil(asked.exchangeId, drafted([12]));
    await county.post(`/v1/inbox/${mail.messageId}/approve`, { person: officers.socialWorker, categories: [12] });
    const delivered = await municipality.exchangeUntil(asked.exchangeId, ({ messages }) =>
      messages.some(({ direction, state }) => direction === 'received' && state === 'delivered'),
    );
    const answer = delivered.messages.find(({ direction }) => direction === 'received')!;
    this.narrator.say(`the answer lies sealed at ${municipality.agency}`);
    const withdrawn = await county.post<{ effectiveAt?: string }>(`/v1/consents/${consentId}/withdraw`, {
      officer: officers.socialWorker,
      client: identityOf(client),
    });
    this.narrator.say(
      `the client withdraws by telephone at ${county.agency}; no permit after ${withdrawn.effectiveAt ?? 'now'}`,
    );
    await municipality.post(`/v1/inbox/${answer.messageId}/open`).catch((error: unknown) => {
      if (!(error instanceof RefusedByAgent)) throw error;
    });
    const ended = await municipality.exchangeUntil(asked.exchangeId, ({ messages }) =>
      messages.some(
        ({ messageId, state }) => messageId === answer.messageId && (state === 'refused' || state === 'withdrawn'),
      ),
    );
    const sealed = ended.messages.find(({ messageId }) => messageId === answer.messageId)!;
    if (sealed.content) throw new Error('a message was opened on a withdrawn consent');
    const told = await county.exchangeUntil(asked.exchangeId, ({ messages }) =>
      messages.some(({ direction, state }) => direction === 'sent' && state === 'withdrawn'),
    );
    const code = told.messages.find(({ direction, state }) => direction === 'sent' && state === 'withdrawn')?.code;
    this.narrator.say(
      `release refused; ${municipality.agency} is told ${sealed.code}, ${county.agency} ${code}; nothing was opened`,
    );
    this.keep(asked, ended, `release refused: ${sealed.code}`);
  }

  /** One request of the municipality about its client, unless somebody else is named. */
  async ask(given: {
    categories: number[];
    purpose?: string;
    person?: TestPerson;
    consentId?: string;
    recipient?: string;
    duty?: string;
    opening?: 'by-hand';
  }): Promise<OpenedExchange> {
    const { person = client, purpose = 'plan', ...rest } = given;
    const { exchanges } = await this.systems.municipality.post<{ exchanges: OpenedExchange[] }>('/v1/requests', {
      client: identityOf(person),
      purpose,
      necessity: 'Tarvitaan kotoutumissuunnitelman laatimiseksi.',
      caseNumber: 'KAU/2026/42',
      officer: officers.integrationWorker,
      municipality: person.municipality,
      ...rest,
    });
    const [only, ...others] = exchanges;
    if (!only || others.length > 0) throw new Error(`the request went to ${exchanges.length} agencies`);
    this.narrator.say(
      `${this.systems.municipality.agency} → ${only.recipient}: categories ${only.categories.join(', ')} on ${words(only.basis)}`,
    );
    return only;
  }

  /** For the table at the end. */
  keep(asked: OpenedExchange, ended: ExchangeView, outcome: string): void {
    this.narrator.keep({
      id: asked.exchangeId,
      from: this.systems.municipality.agency,
      to: asked.recipient,
      categories: asked.categories,
      basis: words(asked.basis),
      outcome,
      logIndex: lastLeaf(ended),
    });
  }
}

export const drafted =
  (categories: readonly number[]) =>
  (item: InboxItem): boolean =>
    categories.every((category) => item.draft?.some((part) => part.category === category && part.draft !== undefined));

const opened = (messages: ExchangeView['messages']): boolean =>
  messages.filter(({ direction }) => direction === 'received').every(({ state }) => state === 'opened');

export const isAnswered = ({ state, messages }: ExchangeView): boolean => state === 'answered' && opened(messages);
