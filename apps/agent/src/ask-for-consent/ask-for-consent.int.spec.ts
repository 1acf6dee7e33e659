import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { agencyId, type ConsentId } from '#kernel';
import { client, officer } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, eventually, TestAgent } from '../fake-hub/test-agent.fixture.js';

interface Proposal {
  readonly consentId: ConsentId;
  readonly statementHash: string;
  readonly state: string;
  readonly code?: string;
  readonly questions: { category: number; recipient: string }[];
  readonly warnings: { category: number; provision: string; confirmed: boolean }[];
  readonly notice: { version: string; direction: string; checked: boolean };
}
interface Consent {
  readonly consentId: ConsentId;
  readonly state: string;
  readonly grants: object[];
  readonly effectiveAt?: string;
  readonly opened?: object[];
}
interface Answered {
  readonly state: string;
  readonly consent?: Consent;
}

const child = { type: 'henkilotunnus', value: '010117A900V', name: 'Lapsi Testi' };
const custodian = { type: 'henkilotunnus', value: '010190-900P', name: 'Huoltaja Testi' };
const other = { type: 'provisional', value: 'HUOLTAJA-2', name: 'Toinen Huoltaja' };
const verifiedAt = '2026-11-01T08:00:00Z';
const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();

const wish = (more: object = {}): object => ({
  client,
  wanted: [
    { category: 10, disclosers: ['L-KELA'], recipients: ['K-235'] },
    { category: 12, disclosers: ['H-03'], recipients: ['K-235', 'T-01'] },
  ],
  purposes: ['plan'],
  uses: { kind: 'repeated', frequency: { count: 2, per: 'month' } },
  validUntil: inDays(200),
  language: 'fi',
  officer,
  ...more,
});
const answers = (yes: readonly [boolean, boolean, boolean]): object[] => [
  { category: 10, recipient: 'K-235', yes: yes[0] },
  { category: 12, recipient: 'K-235', yes: yes[1] },
  { category: 12, recipient: 'T-01', yes: yes[2] },
];
const onPaper = (given: object[], more: object = {}): object => ({
  answers: given,
  method: 'written',
  evidence: 'Lomake 17, arkistossa KAU/1/2026',
  officer,
  ...more,
});

describe('asking a client to agree', () => {
  let hub: FakeHub;
  let agent: TestAgent;

  const propose = (more: object = {}): Promise<Proposal & { readonly code?: string }> =>
    bodyOf(agent.system('K-235').post('/v1/consents/proposals', wish(more)));
  const answer = (id: string, body: object): Promise<Answered & { readonly code?: string }> =>
    bodyOf(agent.system('K-235').post(`/v1/consents/proposals/${id}/answer`, body));

  beforeAll(async () => {
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [{ id: 'K-235' }, { id: 'H-03', pseudonymKeyFrom: ['K-235'] }]);
    await agent.onboardAll();
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
  });

  it('asks each category for each recipient, in the notice of the client’s language', async () => {
    const proposal = await propose({ language: 'ar' });
    expect(proposal).toMatchObject({
      state: 'open',
      questions: [
        { category: 10, recipient: 'K-235' },
        { category: 12, recipient: 'K-235' },
        { category: 12, recipient: 'T-01' },
      ],
      warnings: [],
      notice: { direction: 'rtl', checked: false },
    });
    expect(hub.proposals.get(proposal.consentId)).toMatchObject({ language: 'ar', collectingAgency: 'K-235' });
  });

  it('tells the hub nothing by which a person could be named', async () => {
    const { consentId } = await propose();
    expect(JSON.stringify(hub.proposals.get(consentId))).not.toMatch(/010190|Testi|Aino/);
  });

  it('warns of what the law already gives, with the provision', async () => {
    const { warnings } = await propose({
      wanted: [
        { category: 11, disclosers: ['H-03'], recipients: ['K-235'] },
        { category: 12, disclosers: ['H-03'], recipients: ['K-235'] },
      ],
    });
    expect(warnings).toMatchObject([{ category: 11, provision: '681/2023-87', confirmed: false }]);
  });

  it('refuses to ask for what the law gives altogether', async () => {
    const wanted = [{ category: 11, disclosers: ['H-03'], recipients: ['K-235'] }];
    expect((await propose({ wanted })).code).toBe('CONSENT_NEEDLESS');
  });

  it.each([
    ['a language without a notice', { language: 'tlh' }, 'NOTICE_UNKNOWN'],
    ['more than twelve months', { validUntil: inDays(400) }, 'CONSENT_INVALID'],
    ['an end that has passed', { validUntil: inDays(-1) }, 'CONSENT_INVALID'],
    ['an unknown purpose', { purposes: ['curiosity'] }, 'PURPOSE_UNKNOWN'],
    [
      'who does not hold it',
      { wanted: [{ category: 12, disclosers: ['L-KELA'], recipients: ['K-235'] }] },
      'CATEGORY_NOT_HELD',
    ],
    [
      'nobody but the asker itself',
      { wanted: [{ category: 10, disclosers: ['K-235'], recipients: ['K-235'] }] },
      'CATEGORY_NOT_HELD',
    ],
    ['how often in no form', { uses: undefined }, 'MALFORMED'],
  ])('does not propose %s', async (_, more, code) => {
    expect((await propose(more)).code).toBe(code);
  });

  it('records what was agreed to and nothing else, naming the proposal', async () => {
    const proposal = await propose();
    const answered = await answer(proposal.consentId, onPaper(answers([false, true, false])));
    expect(answered).toMatchObject({
      state: 'answered',
      consent: {
        state: 'recorded',
        grants: [{ category: 12, disclosers: ['H-03'], recipients: ['K-235'] }],
      },
    });
    const { record } = hub.consents.get(proposal.consentId) ?? {};
    expect(record).toMatchObject({
      proposal: proposal.statementHash,
      method: 'written',
      uses: { kind: 'repeated', frequency: { count: 2, per: 'month' } },
      noticeVersion: proposal.notice.version,
    });
    expect(record?.evidenceHash).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it('takes a no to everything for a denial', async () => {
    const { consentId } = await propose();
    expect(await answer(consentId, onPaper(answers([false, false, false])))).toEqual({ state: 'denied' });
    expect(hub.acts.at(-1)).toMatchObject({ consentId, act: 'deny', by: 'subject', version: 0 });
    expect(hub.consents.has(consentId)).toBe(false);
  });

  it.each([
    ['a missing one', answers([true, true, true]).slice(1)],
    ['the same twice', [...answers([true, true, true]), { category: 10, recipient: 'K-235', yes: false }]],
    ['one that was never asked', [...answers([true, true, true]), { category: 10, recipient: 'T-01', yes: true }]],
  ])('has no default for an answer: %s is an error', async (_, given) => {
    const { consentId } = await propose();
    expect((await answer(consentId, onPaper(given))).code).toBe('CONSENT_ANSWER_MISSING');
  });

  it('does not take an answer without the word itself', async () => {
    const { consentId } = await propose();
    const [first, ...rest] = answers([true, true, true]);
    const given = [{ ...first, yes: undefined }, ...rest];
    expect((await answer(consentId, onPaper(given))).code).toBe('MALFORMED');
  });

  it('is answered once, also when two answers come at the same moment', async () => {
    const { consentId } = await propose();
    const both = await Promise.all([
      answer(consentId, onPaper(answers([true, true, true]))),
      answer(consentId, onPaper(answers([false, false, false]))),
    ]);
    expect(both.map(({ code }) => code).filter(Boolean)).toEqual(['CONFLICT']);
    expect((await answer(consentId, onPaper(answers([true, true, true])))).code).toBe('CONFLICT');
  });

  it('takes a question back, once', async () => {
    const { consentId } = await propose();
    const cancel = (): Promise<{ state: string; code?: string }> =>
      bodyOf(agent.system('K-235').post(`/v1/consents/proposals/${consentId}/cancel`, { officer }));
    expect((await cancel()).state).toBe('cancelled');
    expect((await cancel()).code).toBe('CONFLICT');
    expect(hub.acts.at(-1)).toMatchObject({ consentId, act: 'cancel', by: 'authority' });
  });

  it('is by word of mouth for one contact only, and with a witness', async () => {
    const repeated = await propose();
    const oral = onPaper(answers([true, false, false]), { method: 'oral-once', witness: officer });
    expect((await answer(repeated.consentId, oral)).code).toBe('CONSENT_INVALID');
    const once = await propose({ uses: { kind: 'once' } });
    const unseen = onPaper(answers([true, false, false]), { method: 'oral-once' });
    expect((await answer(once.consentId, unseen)).code).toBe('CONSENT_INVALID');
    const interpreted = { ...oral, interpreter: { name: 'Tulkki 4711' } };
    expect((await answer(once.consentId, interpreted)).state).toBe('answered');
    const { record } = hub.consents.get(once.consentId) ?? {};
    expect(record).toMatchObject({ method: 'oral-once', interpreter: true, uses: { kind: 'once' } });
    expect(record?.witness).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it('is kept while the hub is away, and told in the order in which it was signed', async () => {
    hub.statementFailures.push('UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE');
    const { consentId, state } = await propose();
    expect(state).toBe('open');
    const answered = await answer(consentId, onPaper(answers([true, true, true])));
    expect(answered.consent?.state).toBe('signed');
    await eventually('the record at the hub', () => hub.consents.get(consentId));
    expect(hub.proposals.has(consentId)).toBe(true);
  });

  it('is closed when the hub refuses the proposal', async () => {
    hub.statementFailures.push('CONSENT_INVALID');
    expect((await propose()).code).toBe('CONSENT_INVALID');
    const { proposals } = await bodyOf<{ proposals: Proposal[] }>(agent.system('K-235').get('/v1/consents/proposals'));
    expect(proposals[0]).toMatchObject({ state: 'refused', code: 'CONSENT_INVALID' });
  });

  describe('of a child', () => {
    const both = [
      { role: 'custodian', person: custodian, verifiedAt },
      { role: 'custodian', person: other, verifiedAt, namesWithheld: true },
    ];

    it('is decided by both custodians where custody is joint', async () => {
      expect((await propose({ client: child })).code).toBe('DECIDER_NOT_ENTITLED');
      const one = { client: child, custody: 'joint', deciders: both.slice(0, 1) };
      expect((await propose(one)).code).toBe('CUSTODIANS_INCOMPLETE');
      const { consentId } = await propose({ client: child, custody: 'joint', deciders: both });
      await answer(consentId, onPaper(answers([true, false, false])));
      expect(hub.consents.get(consentId)?.record).toMatchObject({
        standing: 'child',
        custody: 'joint',
        deciders: [{ role: 'custodian' }, { role: 'custodian', namesWithheld: true }],
      });
    });

    describe('whose custodians answer one after the other', () => {
      const proposed = async (): Promise<string> =>
        (await propose({ client: child, custody: 'joint', deciders: both })).consentId;
      const by = (decider: object, given: readonly [boolean, boolean, boolean], more: object = {}): object =>
        onPaper(answers(given), { decider, ...more });

      it('is agreed to with the second yes, in what both said yes to', async () => {
        const id = await proposed();
        expect(await answer(id, by(custodian, [true, true, false]))).toEqual({ state: 'waiting' });
        expect(hub.consents.has(id)).toBe(false);
        expect(await answer(id, by(other, [false, true, true], { evidence: 'Lomake 18' }))).toMatchObject({
          state: 'answered',
        });
        expect(hub.consents.get(id)?.record).toMatchObject({
          custody: 'joint',
          grants: [{ category: 12, recipients: ['K-235'] }],
        });
        expect((await answer(id, by(other, [true, true, true]))).code).toBe('CONFLICT');
      });

      it('is denied when either says no, before or after the other’s yes', async () => {
        const [first, second] = [await proposed(), await proposed()];
        expect(await answer(first, by(other, [false, false, false]))).toEqual({ state: 'denied' });
        await answer(second, by(custodian, [true, true, true]));
        expect(await answer(second, by(other, [false, false, false]))).toEqual({ state: 'denied' });
        for (const id of [first, second]) {
          expect(hub.consents.has(id)).toBe(false);
          expect((await answer(id, by(custodian, [true, true, true]))).code).toBe('CONFLICT');
        }
      });

      it('waits for the other, however often one answers, whose last word counts', async () => {
        const id = await proposed();
        expect(await answer(id, by(custodian, [true, true, true]))).toEqual({ state: 'waiting' });
        expect(await answer(id, by(custodian, [true, false, false]))).toEqual({ state: 'waiting' });
        await answer(id, by(other, [true, true, true]));
        expect(hub.consents.get(id)?.record.grants).toMatchObject([{ category: 10 }]);
      });

      it('is answered by nobody who does not decide, and by both in one way', async () => {
        const id = await proposed();
        const stranger = { type: 'provisional', value: 'VIERAS-1' };
        expect((await answer(id, by(stranger, [true, true, true]))).code).toBe('DECIDER_NOT_ENTITLED');
        await answer(id, by(custodian, [true, true, true]));
        const spoken = by(other, [true, true, true], { method: 'electronic' });
        expect((await answer(id, spoken)).code).toBe('CONSENT_INVALID');
        expect(hub.consents.has(id)).toBe(false);
      });

      it('is one consent where both answer at the same moment', async () => {
        const id = await proposed();
        const states = await Promise.all(
          [custodian, other].map(async (decider) => (await answer(id, by(decider, [true, true, true]))).state),
        );
        expect(states.sort()).toEqual(['answered', 'waiting']);
        expect(hub.consents.get(id)?.record.version).toBe(1);
      });
    });

    it('is not decided by who has a conflict of interest, whoever proposed before', async () => {
      const alone = { client: child, custody: 'sole', deciders: [both[1]] };
      const before = await propose(alone);
      const excluded = { client: child, decider: other, officer };
      await agent.system('K-235').post('/v1/clients/exclusions', excluded).expect(200);
      const [told] = hub.exclusions.slice(-1);
      expect(told).toMatchObject({ reason: 'conflict-of-interest', agency: 'K-235' });
      // Said again, the hub also gets what was signed the first time: it may have lost that.
      await agent.system('K-235').post('/v1/clients/exclusions', excluded).expect(200);
      const [brought, again] = hub.exclusions.slice(-2);
      expect(brought).toEqual(told);
      expect(again).toMatchObject({ subject: told?.subject, decider: told?.decider });
      expect(again?.jti).not.toBe(told?.jti);
      expect((await propose(alone)).code).toBe('DECIDER_EXCLUDED');
      const late = await answer(before.consentId, onPaper(answers([true, true, true])));
      expect(late.code).toBe('DECIDER_EXCLUDED');
    });
  });

  it('joins a later identity code to an earlier number', async () => {
    const earlier = { type: 'migri-customer', value: '4711' };
    const told = await bodyOf(agent.system('K-235').post('/v1/clients/links', { client, earlier, officer }));
    expect(told).toEqual({ state: 'told' });
    expect(hub.links).toHaveLength(1);
    expect(JSON.stringify(hub.links)).not.toMatch(/4711|010190/);
    const same = await bodyOf<{ code: string }>(
      agent.system('K-235').post('/v1/clients/links', { client, earlier: client, officer }),
    );
    expect(same.code).toBe('MALFORMED');
  });

  describe('and after', () => {
    const act = (id: string, body: object): Promise<Consent & { readonly code?: string }> =>
      bodyOf(agent.system('K-235').post(`/v1/consents/${id}/acts`, { officer, ...body }));
    const agreed = async (): Promise<ConsentId> => {
      const { consentId } = await propose();
      await answer(consentId, onPaper(answers([true, true, true])));
      return consentId;
    };

    it('is withdrawn by telephone at another party, and told what had been opened', async () => {
      const id = await agreed();
      hub.opened = [{ exchangeId: '11111111-1111-4111-8111-111111111111', recipient: 'K-235', usedAt: inDays(-1) }];
      const withdrawn = await bodyOf<Consent>(
        agent.system('H-03').post(`/v1/consents/${id}/withdraw`, { client, officer, channel: 'telephone' }),
      );
      expect(withdrawn).toMatchObject({ state: 'withdrawn', opened: [{ recipient: 'K-235' }] });
      expect(withdrawn.effectiveAt).toBeDefined();
      expect(hub.acts.at(-1)).toMatchObject({ act: 'withdraw', by: 'subject', channel: 'telephone', agency: 'H-03' });
    });

    it('is suspended and goes on', async () => {
      const id = await agreed();
      expect((await act(id, { act: 'suspend', by: 'subject' })).state).toBe('suspended');
      expect((await act(id, { act: 'resume', by: 'subject' })).state).toBe('recorded');
    });

    it.each(['revoke', 'invalidate', 'end-plan'] as const)('is ended by an authority: %s', async (ending) => {
      const id = await agreed();
      await act(id, { act: ending, by: 'authority', ...(ending === 'end-plan' ? {} : { reason: 'error' }) });
      expect(hub.acts.at(-1)).toMatchObject({ act: ending, by: 'authority' });
    });

    it('asks no person for a reason', async () => {
      const id = await agreed();
      expect((await act(id, { act: 'suspend', by: 'subject', reason: 'other' })).code).toBe('MALFORMED');
    });

    it('keeps a withdrawal while the hub is away', async () => {
      const id = await agreed();
      hub.statementFailures.push('UNAVAILABLE');
      const kept = await bodyOf<Consent>(agent.system('K-235').post(`/v1/consents/${id}/withdraw`, { officer }));
      expect(kept.state).toBe('withdrawing');
      await eventually('the withdrawal at the hub', () => hub.acts.find(({ consentId }) => consentId === id));
    });

    it('stays as it was when the hub refuses an act', async () => {
      const id = await agreed();
      hub.statementFailures.push('FORBIDDEN');
      const refused = await bodyOf<{ code: string }>(
        agent.system('K-235').post(`/v1/consents/${id}/withdraw`, { officer }),
      );
      expect(refused.code).toBe('FORBIDDEN');
      const { consents } = await bodyOf<{ consents: Consent[] }>(agent.system('K-235').get('/v1/consents'));
      expect(consents.find(({ consentId }) => consentId === id)?.state).toBe('recorded');
    });
  });

  it('rests a request on each one’s consent where a family is asked about', async () => {
    const ids: ConsentId[] = [];
    for (const person of [custodian, { type: 'migri-customer', value: '99' }]) {
      const { consentId } = await propose({ client: person, standing: 'adult' });
      await answer(consentId, onPaper(answers([true, true, true])));
      ids.push(consentId);
    }
    const { exchanges } = await bodyOf<{ exchanges: { basis: { secrecyLift: object }[] }[] }>(
      agent.system('K-235').post('/v1/requests', {
        clients: [custodian, { type: 'migri-customer', value: '99' }],
        categories: [12],
        purpose: 'plan',
        necessity: 'Perheen suunnitelma',
        caseNumber: 'KAU/7/2026',
        officer,
        recipient: agencyId('H-03'),
      }),
    );
    expect(exchanges[0]?.basis[0]?.secrecyLift).toMatchObject({ consents: [{ version: 1 }, { version: 1 }] });
  });
});
