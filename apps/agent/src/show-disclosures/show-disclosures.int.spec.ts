import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DisclosureView, LoggedKeys, disclosureViewHash, readStatement, verifyStatement } from '#envelope';
import { agencyId, fromNumericDate, unwrap } from '#kernel';
import { ask, exchangeAt, officer, requestAt } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, eventually, TestAgent } from '../fake-hub/test-agent.fixture.js';

interface View extends DisclosureView {
  readonly code?: string;
  readonly statement: string;
}

const nothing = { sent: [], received: [] };

describe('an agency’s view of its disclosures to another', () => {
  let hub: FakeHub;
  let agent: TestAgent;

  const view = (agency: string, counterpart: string): Promise<View> =>
    bodyOf<View>(agent.system(agency).get(`/v1/disclosures/view/${counterpart}`));

  beforeAll(async () => {
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [
      { id: 'K-235' },
      { id: 'H-03', pseudonymKeyFrom: ['K-235'] },
      { id: 'T-01', pseudonymKeyFrom: ['K-235'] },
    ]);
    await agent.onboardAll();
    const exchangeId = await ask(agent, 'H-03', [11]);
    const { messageId } = await requestAt(agent, 'H-03', exchangeId);
    await bodyOf(
      agent.system('H-03').post(`/v1/inbox/${messageId}/answer`, {
        person: officer,
        items: [{ category: 11, outcome: 'given', content: { client: true } }],
      }),
    );
    await exchangeAt(agent, 'K-235', exchangeId, ({ state }) => state === 'answered');
    await eventually('the county knows that its answer was taken', async () =>
      (await view('H-03', 'K-235')).sent.length > 0 ? true : undefined,
    );
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
  });

  it('has hashes alone, and each side what the other has, the other way round', async () => {
    const [municipality, county] = [await view('K-235', 'H-03'), await view('H-03', 'K-235')];
    const members = ['agency', 'counterpart', 'ended', 'received', 'sent', 'statement', 'v'];
    expect(Object.keys(municipality).sort()).toEqual(members);
    expect(municipality.ended).toEqual([]);
    expect(municipality).toMatchObject({ agency: 'K-235', counterpart: 'H-03' });
    // The pseudonym key, and the request.
    expect(municipality.sent).toHaveLength(2);
    expect(municipality.received).toHaveLength(1);
    for (const hash of [...municipality.sent, ...municipality.received]) expect(hash).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(county.received).toEqual(municipality.sent);
    expect(county.sent).toEqual(municipality.received);
  });

  it('has nothing of what went between others', async () => {
    expect(await view('T-01', 'H-03')).toMatchObject({ agency: 'T-01', counterpart: 'H-03', ...nothing });
    const [ofCounty, ofOffice] = [await view('K-235', 'H-03'), await view('K-235', 'T-01')];
    expect(ofOffice.sent.filter((hash) => ofCounty.sent.includes(hash))).toEqual([]);
    expect(ofOffice.received).toEqual([]);
  });

  it('is of the calling system’s agency, whichever is asked about, and empty for one that nobody knows', async () => {
    expect(await view('H-03', 'H-03')).toMatchObject({ agency: 'H-03', ...nothing });
    expect(await view('K-235', 'K-999')).toMatchObject({ agency: 'K-235', ...nothing });
  });

  it('does not have what the hub refused to take, and has what it took', async () => {
    const before = await view('K-235', 'T-01');
    hub.rejectNext = 'DEADLINE_INVALID';
    const refused = await ask(agent, 'T-01', [4]);
    await exchangeAt(agent, 'K-235', refused, ({ state }) => state === 'rejected');
    expect((await view('K-235', 'T-01')).sent).toEqual(before.sent);
    await ask(agent, 'T-01', [4]);
    await eventually('the hub has taken it', async () =>
      (await view('K-235', 'T-01')).sent.length === before.sent.length + 1 ? true : undefined,
    );
  });

  it('is signed: the statement is this agency’s, by a key in the log, over all that the view says', async () => {
    const { statement, ...shown } = await view('K-235', 'H-03');
    const { kid, payload } = unwrap(readStatement('disclosure-view', statement));
    const keys = new LoggedKeys();
    for (const [index, record] of hub.log.clearRecords().entries()) await keys.apply(record, index);
    const key = unwrap(await keys.signingKey(agencyId('K-235'), kid, fromNumericDate(payload.iat)));
    expect(unwrap(await verifyStatement('disclosure-view', statement, key))).toEqual(payload);
    expect(payload).toMatchObject({ agency: 'K-235', counterpart: 'H-03', viewHash: disclosureViewHash(shown) });
  });

  it('says of what was withdrawn before it was delivered that it ended, which the other side never had', async () => {
    const [before, theirs] = [await view('K-235', 'T-01'), await view('T-01', 'K-235')];
    hub.withdrawNext = true;
    const withdrawn = await ask(agent, 'T-01', [4]);
    await exchangeAt(agent, 'K-235', withdrawn, ({ state }) => state === 'withdrawn');
    const after = await view('K-235', 'T-01');
    const added = after.sent.filter((hash) => !before.sent.includes(hash));
    expect(added).toHaveLength(1);
    expect(after.ended).toEqual([...before.ended, { hash: added[0], as: 'withdrawn' }]);
    expect((await view('T-01', 'K-235')).received).toEqual(theirs.received);
  });

  it('needs the key of a calling system', async () => {
    await agent.anonymous().get('/v1/disclosures/view/H-03').expect(401);
    const answer = await agent
      .anonymous()
      .get('/v1/disclosures/view/H-03')
      .set('authorization', `Bearer ${'A'.repeat(43)}`);
    expect(answer.body).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it.each(['H', '03-H', 'h-03', 'H-03%20OR%201=1', '..%2Fclients'])(
    'is refused about %s, which is no agency',
    async (other) => {
      expect(await view('K-235', other)).toMatchObject({ code: 'MALFORMED' });
    },
  );
});
