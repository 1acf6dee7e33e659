import { RefusedByAgent } from './agency-system.js';
import { Browser } from './browser.js';
import { agencies, countyClients, guardian, officers } from './cast.js';
import type { TestPerson } from './people.js';
import { countyContentOf } from './county-register.js';
import type { Narrator } from './narrator.js';
import {
  answerItem,
  expectEqual,
  identityOf,
  inDays,
  isAnswered,
  drafted,
  type Scenario,
  type Systems,
} from './scenario.js';

const FUNCTIONAL_ABILITY = 12;
const CHILD_HOME_CARE = 10;
/** Of the county’s clients: one for whom a guardian decides, and one who is asked. */
const ward = countyClients[1]!;
const client = countyClients[2]!.person;

interface Proposal {
  readonly consentId: string;
  readonly questions: readonly { readonly category: number; readonly recipient: string }[];
}

interface KeptConsent {
  readonly consentId: string;
  readonly state: string;
  readonly effectiveAt?: string;
  readonly grants: readonly { readonly category: number; readonly recipients: readonly string[] }[];
  readonly opened?: readonly { readonly recipient: string }[];
}

interface Account {
  readonly consents: readonly { readonly state: string; readonly used: readonly { readonly recipient: string }[] }[];
}

/** How a client is asked, agrees to a part, and takes it back at another agency; and how somebody decides for a client. */
export class ConsentScenario {
  constructor(
    private readonly scenario: Scenario,
    private readonly systems: Systems,
    private readonly narrator: Narrator,
  ) {}

  /** A yes or a no for each category and recipient; what got a no is no basis for anybody. */
  async agreeInPart(): Promise<string> {
    const { municipality } = this.systems;
    const proposal = await municipality.post<Proposal>('/v1/consents/proposals', {
      client: identityOf(client),
      wanted: [
        { category: CHILD_HOME_CARE, disclosers: [agencies.kela.id], recipients: [agencies.municipality.id] },
        {
          category: FUNCTIONAL_ABILITY,
          disclosers: [agencies.county.id],
          recipients: [agencies.municipality.id, agencies.employment.id],
        },
      ],
      purposes: ['plan'],
      uses: { kind: 'repeated', frequency: { count: 4, per: 'month' } },
      validUntil: inDays(120),
      language: 'uk',
      officer: officers.integrationWorker,
    });
    this.narrator.say(`${municipality.agency} asks the client ${proposal.questions.length} questions, in Ukrainian`);
    const { consent } = await municipality.post<{ consent: KeptConsent }>(
      `/v1/consents/proposals/${proposal.consentId}/answer`,
      {
        answers: proposal.questions.map(({ category, recipient }) => ({
          category,
          recipient,
          yes: category === FUNCTIONAL_ABILITY,
        })),
        method: 'written',
        interpreter: { name: 'Tulkkikeskus, tulkki 41' },
        evidence: 'Signed on paper with an interpreter present; the paper lies in file KAU/2026/42',
        officer: officers.integrationWorker,
      },
    );
    const yes = consent.grants.map(({ category, recipients }) => `${category} to ${recipients.join(' and ')}`);
    this.narrator.say(`a partial yes: category ${yes.join(', ')}; a no to category ${CHILD_HOME_CARE}`);
    const refused = await this.scenario
      .ask({ categories: [CHILD_HOME_CARE], recipient: agencies.kela.id, person: client })
      .then(() => undefined, codeOf);
    if (refused !== 'NO_BASIS') throw new Error(`what got a no was asked all the same: ${refused ?? 'sent'}`);
    this.narrator.say(
      `asking ${agencies.kela.id} about category ${CHILD_HOME_CARE} is refused before it is sent: NO_BASIS`,
    );
    await this.askCounty(client, 'answered on a partial yes');
    return consent.consentId;
  }

  /** The client may withdraw at any agency that is a party, by telephone, without a reason. */
  async withdrawElsewhere(consentId: string): Promise<void> {
    const { employment } = this.systems;
    const withdrawn = await employment.post<KeptConsent>(`/v1/consents/${consentId}/withdraw`, {
      channel: 'telephone',
      officer: officers.employmentExpert,
      client: identityOf(client),
    });
    this.narrator.say(
      `the client withdraws by telephone at ${employment.agency}, which never used it; ${withdrawn.opened?.length ?? 0} disclosure made before is listed for the client`,
    );
    const refused = await this.scenario
      .ask({ categories: [FUNCTIONAL_ABILITY], duty: 'social-welfare', person: client })
      .then(() => undefined, codeOf);
    if (refused !== 'NO_BASIS') throw new Error(`asked on a withdrawn consent: ${refused ?? 'sent'}`);
    this.narrator.say(
      `from ${withdrawn.effectiveAt ?? 'now'} on ${agencies.municipality.id} has no basis to ask: NO_BASIS`,
    );
  }

  /** With strong identification, and without a case worker: everything about the client, whichever agency is concerned. */
  async seeAccount(account: string): Promise<void> {
    const browser = new Browser();
    const { at } = await browser.go(`${account}/login?language=uk`);
    at.search = new URLSearchParams({ person: client.identityCode, means: 'high' }).toString();
    const page = await browser.go(at.href);
    if (page.status !== 200 || !(await page.text()).includes('<html lang="uk"'))
      throw new Error(`the account was not shown: ${page.status} at ${page.at.pathname}`);
    const { consents } = (await (await browser.go(account)).json()) as Account;
    const uses = consents.flatMap(({ used }) => used.map(({ recipient }) => recipient));
    const states = consents.map(({ state }) => state).join(', ');
    if (!states.includes('withdrawn') || uses.length === 0) throw new Error(`the account tells too little: ${states}`);
    this.narrator.say(
      `the client logs in at ${agencies.municipality.id} by strong identification and sees the account in Ukrainian: consents ${states}; opened by ${[...new Set(uses)].join(', ')}; the look itself is logged`,
    );
  }

  async guardianDecides(): Promise<void> {
    const { municipality } = this.systems;
    await municipality.post<KeptConsent>('/v1/consents', {
      client: identityOf(ward.person),
      deciders: [
        {
          role: 'guardian',
          person: identityOf(guardian),
          reference: 'DVV edunvalvonta 2026/118',
          verifiedAt: new Date().toISOString(),
          validUntil: inDays(300),
        },
      ],
      disclosers: [agencies.county.id],
      categories: [FUNCTIONAL_ABILITY],
      purposes: ['plan'],
      validUntil: inDays(90),
      method: 'written',
      language: 'fi',
      noticeVersion: 'consent-1',
      evidence: 'Signed by the guardian',
      officer: officers.integrationWorker,
    });
    this.narrator.say('a guardian agrees for a client; the order and when it was looked at stand in the record');
    await this.askCounty(ward.person, 'answered by a guardian’s consent');
  }

  private async askCounty(person: TestPerson, outcome: string): Promise<void> {
    const { municipality, county } = this.systems;
    const asked = await this.scenario.ask({ categories: [FUNCTIONAL_ABILITY], duty: 'social-welfare', person });
    const mail = await county.mailUntil(asked.exchangeId, drafted([FUNCTIONAL_ABILITY]));
    await county.post(`/v1/inbox/${mail.messageId}/approve`, {
      person: officers.socialWorker,
      categories: [FUNCTIONAL_ABILITY],
    });
    const answered = await municipality.exchangeUntil(asked.exchangeId, isAnswered);
    const known = countyClients.find((one) => one.person === person)!;
    expectEqual(answerItem(answered, FUNCTIONAL_ABILITY).content, countyContentOf(known)['12'], 'functional ability');
    this.narrator.say(`${county.agency} approved; ${municipality.agency} opened what the county's register holds`);
    this.scenario.keep(asked, answered, outcome);
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof RefusedByAgent)) throw error;
  return error.problem.code;
}
