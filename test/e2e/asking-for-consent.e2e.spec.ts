import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exchangeAt, mailOf, officer, requestAt } from '../../apps/agent/src/fake-hub/case.fixture.js';
import { bodyOf, eventually, TestAgent } from '../../apps/agent/src/fake-hub/test-agent.fixture.js';
import { joinHub } from './join-hub.js';
import { type RunningHub, startTestHub } from './running-hub.js';
import { type TestPerson, testPerson } from './test-persons.js';

const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();
const identityOf = ({ name, identityCode }: TestPerson) => ({ type: 'henkilotunnus', value: identityCode, name });

const HOME_CARE = 10;
const FUNCTIONAL_ABILITY = 12;

interface Refused {
  readonly code?: string;
}
interface Consent extends Refused {
  readonly consentId: string;
  readonly state: string;
  readonly effectiveAt?: string;
}
interface Proposal extends Refused {
  readonly consentId: string;
  readonly questions: readonly { readonly category: number; readonly recipient: string }[];
}
interface Checked {
  readonly allowed: boolean;
  readonly reasons: readonly { readonly code: string; readonly rule?: string }[];
  readonly basis: readonly { readonly secrecyLift: object }[];
}

/** Each agency’s own system calls its own agent; between the agents stand the real services. */
describe('a client is asked to agree, between real parts', () => {
  let hub: RunningHub;
  let municipality: TestAgent;
  /** Serves the county, the employment authority and Kela. */
  let host: TestAgent;

  beforeAll(async () => {
    hub = await startTestHub();
    const pins = { pins: { ...hub.hub.pins } as Record<string, string> };
    const keys = { useAfterSeconds: 0 };
    municipality = await TestAgent.start(pins, [{ id: 'K-235', keys }]);
    host = await TestAgent.start(
      pins,
      ['H-03', 'T-01', 'L-KELA'].map((id) => ({ id, keys, pseudonymKeyFrom: ['K-235'] })),
    );
    await joinHub(hub, [
      ['K-235', municipality],
      ['H-03', host],
      ['T-01', host],
      ['L-KELA', host],
    ]);
  }, 240_000);
  afterAll(async () => {
    await municipality?.close();
    await host?.close();
    await hub?.stop();
  });

  const agentOf = (id: string): TestAgent => (id === 'K-235' ? municipality : host);
  const post = <T>(id: string, path: string, body: object): Promise<T> =>
    bodyOf<T>(agentOf(id).system(id).post(path, body));

  /** Kela’s home care allowance for the municipality; the county’s functional ability for it and the employment authority. */
  const propose = (client: TestPerson): Promise<Proposal> =>
    post('K-235', '/v1/consents/proposals', {
      client: identityOf(client),
      wanted: [
        { category: HOME_CARE, disclosers: ['L-KELA'], recipients: ['K-235'] },
        { category: FUNCTIONAL_ABILITY, disclosers: ['H-03'], recipients: ['K-235', 'T-01'] },
      ],
      purposes: ['plan'],
      uses: { kind: 'repeated', frequency: { count: 4, per: 'month' } },
      validUntil: inDays(120),
      language: 'so',
      officer,
    });
  const answer = async (
    { consentId, questions }: Proposal,
    says: (category: number) => boolean,
  ): Promise<{ readonly state: string; readonly consent?: Consent }> =>
    post('K-235', `/v1/consents/proposals/${consentId}/answer`, {
      answers: questions.map(({ category, recipient }) => ({ category, recipient, yes: says(category) })),
      method: 'written',
      interpreter: { name: 'Tulkkikeskus, tulkki 41' },
      evidence: 'Lomake 17, arkistossa KAU/1/2026',
      officer,
    });
  const onFunctionalAbility = (category: number): boolean => category === FUNCTIONAL_ABILITY;
  const agreed = async (client: TestPerson): Promise<string> => {
    const proposal = await propose(client);
    await answer(proposal, onFunctionalAbility);
    return proposal.consentId;
  };

  const question = (client: TestPerson, category: number, recipient: string, more: object = {}): object => ({
    client: identityOf(client),
    categories: [category],
    purpose: 'plan',
    necessity: 'Suunnitelman laatiminen',
    caseNumber: 'KAU/1/2026',
    officer,
    recipient,
    ...more,
  });
  const check = async (id: string, asked: object): Promise<Checked> => {
    const { exchanges } = await post<{ exchanges: Checked[] }>(id, '/v1/requests/check', asked);
    const [only] = exchanges;
    if (!only) throw new Error('nothing was checked');
    return only;
  };
  const ask = async (client: TestPerson, more: object = {}): Promise<string> => {
    const asked = question(client, FUNCTIONAL_ABILITY, 'H-03', more);
    const { exchanges } = await post<{ exchanges: { exchangeId: string }[] }>('K-235', '/v1/requests', asked);
    return exchanges[0]?.exchangeId ?? '';
  };
  const countyAnswers = async (exchangeId: string): Promise<void> => {
    const { messageId } = await requestAt(host, 'H-03', exchangeId);
    const content = { practicalLimits: [{ limit: 'Opiskelu puolipäiväisesti', until: '2027-05-31' }] };
    const items = [{ category: FUNCTIONAL_ABILITY, outcome: 'given', content }];
    await host.system('H-03').post(`/v1/inbox/${messageId}/answer`, { person: officer, items }).expect(200);
  };
  const stateAt = async (id: string, client: TestPerson, consentId: string): Promise<string | undefined> => {
    const found = await post<{ consents: Consent[] }>(id, '/v1/consents/search', { client: identityOf(client) });
    return found.consents.find((one) => one.consentId === consentId)?.state;
  };

  it('and until then nothing may be asked, which is told beforehand', async () => {
    const client = testPerson(910);
    const { consentId } = await propose(client);
    const asked = question(client, FUNCTIONAL_ABILITY, 'H-03');
    expect(await check('K-235', asked)).toMatchObject({ allowed: false, reasons: [{ code: 'NO_BASIS' }] });
    expect((await post<Refused>('K-235', '/v1/requests', asked)).code).toBe('NO_BASIS');
    // What is only proposed is a basis for nothing, also where it is named.
    expect(await check('K-235', { ...asked, consentId })).toMatchObject({ allowed: false });
  });

  it('agrees to a part: that is answered, the rest is no basis for anybody', async () => {
    const client = testPerson(911);
    const proposal = await propose(client);
    const { consent } = await answer(proposal, onFunctionalAbility);
    expect(consent).toMatchObject({
      consentId: proposal.consentId,
      grants: [{ category: FUNCTIONAL_ABILITY, disclosers: ['H-03'], recipients: ['K-235', 'T-01'] }],
    });
    expect(await check('K-235', question(client, FUNCTIONAL_ABILITY, 'H-03'))).toMatchObject({
      allowed: true,
      reasons: [],
      basis: [{ secrecyLift: { consent: { id: proposal.consentId, version: 1 } } }],
    });
    const exchangeId = await ask(client);
    await countyAnswers(exchangeId);
    const { messages } = await exchangeAt(municipality, 'K-235', exchangeId, ({ messages: all }) =>
      all.some(({ kind, state }) => kind === 'answer' && state === 'opened'),
    );
    expect(messages.find(({ kind }) => kind === 'answer')?.content?.items).toMatchObject([{ outcome: 'given' }]);

    const homeCare = question(client, HOME_CARE, 'L-KELA');
    expect((await post<Refused>('K-235', '/v1/requests', homeCare)).code).toBe('NO_BASIS');
    // Kela is no party of what came of it.
    const { consentId } = proposal;
    expect(await check('K-235', { ...homeCare, consentId })).toMatchObject({ reasons: [{ code: 'NO_BASIS' }] });
    const forMore = question(client, FUNCTIONAL_ABILITY, 'H-03', { consentId, purpose: 'coordination' });
    expect(await check('K-235', forMore)).toMatchObject({ reasons: [{ code: 'CONSENT_TOO_NARROW' }] });
  });

  it('says no to everything: no consent comes to be, and the question is over', async () => {
    const client = testPerson(912);
    const proposal = await propose(client);
    expect(await answer(proposal, () => false)).not.toHaveProperty('consent');
    expect((await answer(proposal, onFunctionalAbility)) as Refused).toHaveProperty('code');
    expect(await check('K-235', question(client, FUNCTIONAL_ABILITY, 'H-03'))).toMatchObject({ allowed: false });
  });

  it('withdraws by telephone at another party: what had been delivered stays sealed, and all parties are told', async () => {
    const client = testPerson(913);
    const consentId = await agreed(client);
    const exchangeId = await ask(client, { opening: 'by-hand' });
    await countyAnswers(exchangeId);
    const { messageId } = await mailOf(municipality, 'K-235', exchangeId, ({ state }) => state === 'delivered');

    const withdrawn = await post<Consent>('T-01', `/v1/consents/${consentId}/withdraw`, {
      client: identityOf(client),
      channel: 'telephone',
      officer,
    });
    expect(withdrawn).toMatchObject({ state: 'withdrawn', effectiveAt: expect.any(String), opened: [] });

    await municipality.system('K-235').post(`/v1/inbox/${messageId}/open`);
    const { messages } = await exchangeAt(municipality, 'K-235', exchangeId, ({ messages: all }) =>
      all.some((message) => message.messageId === messageId && ['refused', 'withdrawn'].includes(message.state)),
    );
    expect(messages.find((message) => message.messageId === messageId)).not.toHaveProperty('content');
    for (const party of ['K-235', 'H-03', 'T-01'])
      await eventually(`${party} knows`, async () =>
        (await stateAt(party, client, consentId)) === 'withdrawn' ? true : undefined,
      );
    const again = question(client, FUNCTIONAL_ABILITY, 'H-03', { consentId });
    expect(await check('K-235', again)).toMatchObject({ allowed: false, reasons: [{ code: 'CONSENT_WITHDRAWN' }] });
  });

  it('and a reason that depends on the consent is for its parties: others are told that there is no basis', async () => {
    const client = testPerson(914);
    const consentId = await agreed(client);
    await post<Consent>('K-235', `/v1/consents/${consentId}/withdraw`, { officer });
    const asked = question(client, FUNCTIONAL_ABILITY, 'H-03', { consentId });
    expect(await check('T-01', asked)).toMatchObject({ reasons: [{ code: 'CONSENT_WITHDRAWN' }] });
    const outsider = await check('L-KELA', asked);
    expect(outsider.reasons.map(({ code }) => code)).not.toContain('CONSENT_WITHDRAWN');
    expect(outsider.reasons).toContainEqual(expect.objectContaining({ code: 'NO_BASIS' }));
    const unknown = await check('L-KELA', { ...asked, client: identityOf(testPerson(915)) });
    expect(unknown).toEqual(outsider);
  });

  it('has a guardian who decides, and nobody else takes it back in the guardian’s name', async () => {
    const [client, guardian, stranger] = [testPerson(916), testPerson(917), testPerson(918)];
    const { consentId } = await post<Consent>('K-235', '/v1/consents', {
      client: identityOf(client),
      deciders: [
        {
          role: 'guardian',
          person: identityOf(guardian),
          reference: 'DVV 2026/118',
          verifiedAt: new Date().toISOString(),
          validUntil: inDays(300),
        },
      ],
      disclosers: ['H-03'],
      categories: [FUNCTIONAL_ABILITY],
      purposes: ['plan'],
      validUntil: inDays(90),
      method: 'written',
      language: 'fi',
      noticeVersion: '2026-1',
      evidence: 'Edunvalvoja allekirjoitti',
      officer,
    });
    const exchangeId = await ask(client);
    await countyAnswers(exchangeId);
    await exchangeAt(municipality, 'K-235', exchangeId, ({ messages }) =>
      messages.some(({ kind, state }) => kind === 'answer' && state === 'opened'),
    );
    const withdraw = (decider: TestPerson): Promise<Consent> =>
      post('H-03', `/v1/consents/${consentId}/withdraw`, {
        client: identityOf(client),
        decider: identityOf(decider),
        officer,
      });
    expect((await withdraw(stranger)).code).toBe('DECIDER_NOT_ENTITLED');
    expect(await withdraw(guardian)).toMatchObject({ state: 'withdrawn', opened: [{ recipient: 'K-235' }] });
  });
});
