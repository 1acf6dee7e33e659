import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConsentEvent, type LoggedFact, topics } from '#contracts';
import type { ConsentAct, ConsentActType } from '#envelope';
import { type ConsentId, FixedClock, newConsentId, newEventId } from '#kernel';
import { ConsentGround, type Instance } from '../testing/consent-ground.fixture.js';
import { county, grants, municipality, now } from '../testing/facts.fixture.js';
import type { Party } from '../testing/parties.fixture.js';
import { ConsentRows } from './consent-rows.js';

describe('consents held against the events by which they were told', () => {
  let ground: ConsentGround;
  let service: Instance;

  beforeAll(async () => {
    ground = await ConsentGround.lay(new FixedClock(now));
    service = ground.instance();
  });
  afterAll(() => ground.clear());

  const rows = (): ConsentRows =>
    new ConsentRows({
      database: ground.owner,
      audit: { findLeaves: () => Promise.resolve({ found: [] }) },
      topic: topics.consentEvents,
      recordOf: (payload) => ConsentEvent.decode(payload).log,
      alarmAfterMs: -60_000,
    });
  const differences = async () => (await rows().ofRows()).differences;
  const record = async (): Promise<ConsentId> => {
    const id = newConsentId();
    const terms = { id, untilPlanEnds: true, grants: grants([12], { disclosers: [county] }) };
    await service.record.record(municipality, await ground.parties.record(terms));
    return id;
  };
  const act = async (party: Party, consentId: ConsentId, what: ConsentActType, more: Partial<ConsentAct> = {}) =>
    service.acts.act(party.id, await ground.parties.act(party, { consentId, act: what, ...more }));
  const asAuthority = { by: 'authority', reason: 'error' } as const;

  it.each<[ConsentActType, Partial<ConsentAct>]>([
    ['withdraw', {}],
    ['suspend', {}],
    ['revoke', asAuthority],
    ['invalidate', asAuthority],
    ['end-plan', { by: 'authority' }],
    ['verify-mandate', { by: 'authority' }],
  ])('are different in nothing after %s', async (what, more) => {
    await act(ground.parties.municipality, await record(), what, more);
    expect(await differences()).toEqual([]);
  });

  it('are different in nothing where one suspension is lifted and another stands, nor after that', async () => {
    const id = await record();
    await act(ground.parties.municipality, id, 'suspend');
    await act(ground.parties.county, id, 'suspend', asAuthority);
    await act(ground.parties.municipality, id, 'resume');
    const lifted = (await ground.events()).find(({ log }) => log?.type === 'consent-suspension-lifted');
    expect(lifted).toMatchObject({ state: 'suspended', log: { consentId: id } });
    expect(await differences()).toEqual([]);
    await act(ground.parties.county, id, 'resume', { by: 'authority' });
    expect(await differences()).toEqual([]);
  });

  it('are told of an entry about a lifted suspension that left no row', async () => {
    const eventId = newEventId();
    const fact: LoggedFact = {
      eventId,
      leafIndex: 7n,
      type: 'consent-suspension-lifted',
      topic: topics.consentEvents,
      digest: '',
      erased: false,
      manifestHash: '',
    };
    expect(await rows().ofLeaves(ground.owner, [fact])).toMatchObject([{ kind: 'event-without-row', eventId }]);
  });
});
