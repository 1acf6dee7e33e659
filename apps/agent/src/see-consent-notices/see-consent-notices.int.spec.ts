import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ConsentNotice, generateSigningKey, signStatement } from '#envelope';
import { newConsentId, newEventId, type Pseudonym } from '#kernel';
import { alarmsOf } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, eventually, TestAgent } from '../fake-hub/test-agent.fixture.js';

describe('a notice about a consent', () => {
  let hub: FakeHub;
  let agent: TestAgent;

  beforeAll(async () => {
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [{ id: 'K-235' }]);
    await agent.onboardAll();
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
  });

  const noticeOf = (changes: Partial<ConsentNotice> = {}): ConsentNotice => ({
    v: 1,
    type: 'consent-ending',
    eventId: newEventId(),
    consentId: newConsentId(),
    version: 2,
    state: 'active',
    subject: `p1.${'S'.repeat(42)}A` as Pseudonym,
    at: '2026-11-25T10:00:00.000Z',
    ...changes,
  });
  const shown = async (): Promise<{ consentId: string; type: string }[]> =>
    (await bodyOf<{ notices: { consentId: string; type: string }[] }>(agent.system('K-235').get('/v1/consent-notices')))
      .notices;
  const arrives = async (notice: ConsentNotice, key = hub.outcomeKey): Promise<void> =>
    hub.deliver('K-235', { notice: await signStatement('consent-notice', notice, key) });

  it('is kept and shown, the newest first, once, however often it comes', async () => {
    const first = noticeOf();
    const second = noticeOf({ type: 'consent-withdrawn', state: 'withdrawn', at: '2026-11-25T11:00:00.000Z' });
    for (const notice of [first, second, second]) await arrives(notice);
    const notices = await eventually('both notices', async () => {
      const now = await shown();
      return now.length >= 2 ? now : undefined;
    });
    expect(notices).toMatchObject([
      { consentId: second.consentId, type: 'consent-withdrawn', state: 'withdrawn' },
      { consentId: first.consentId, type: 'consent-ending', version: 2 },
    ]);
    expect(await alarmsOf(agent, 'K-235')).toEqual([]);
  });

  it('that the hub did not sign changes nothing and raises an alarm', async () => {
    const forged = noticeOf({ type: 'consent-resumed' });
    await arrives(forged, await generateSigningKey());
    await eventually('the alarm', async () => {
      const alarms = await alarmsOf(agent, 'K-235');
      return alarms.some(({ code }) => code === 'SIGNATURE_INVALID') || undefined;
    });
    expect((await shown()).map(({ consentId }) => consentId)).not.toContain(forged.consentId);
  });
});
