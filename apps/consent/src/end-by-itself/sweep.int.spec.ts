import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ConsentId, FixedClock, newConsentId } from '#kernel';
import { ConsentGround, type Instance } from '../testing/consent-ground.fixture.js';
import { daysLater, municipality, now } from '../testing/facts.fixture.js';

describe('the sweep', () => {
  const clock = new FixedClock(now);
  let ground: ConsentGround;
  let service: Instance;
  let id: ConsentId;

  beforeAll(async () => {
    ground = await ConsentGround.lay(clock);
    service = ground.instance();
  });
  afterAll(() => ground.clear());
  beforeEach(() => {
    clock.set(now);
    id = newConsentId();
  });

  const record = async (changes: Parameters<typeof ground.parties.record>[0] = {}): Promise<void> => {
    await service.record.record(municipality, await ground.parties.record({ id, ...changes }));
  };
  const told = async (): Promise<unknown[]> =>
    (await ground.events())
      .filter(({ log }) => log?.consentId === id)
      .map(({ log, state, parties }) => [log?.type, state, parties]);
  const both = ['H-07', 'K-235'];

  it('makes the end of a consent a fact, for the log and for its parties, once', async () => {
    await record({ validUntil: daysLater(10).toISOString() });
    clock.set(new Date(daysLater(10).getTime() - 1));
    await service.sweep.run();
    clock.set(daysLater(10));
    await Promise.all([service.sweep.run(), ground.instance().sweep.run()]);
    await service.sweep.run();
    expect(await told()).toEqual([
      ['consent-recorded', 'active', both],
      ['consent-expired', 'expired', both],
    ]);
    const act = ground.parties.act(ground.parties.county, { consentId: id });
    // Whoever withdraws it then is told how it ended.
    await expect(service.acts.act(ground.parties.county.id, await act)).resolves.toMatchObject({
      state: 'expired',
      effectiveAt: daysLater(10),
    });
  });

  it('lets a proposal lapse that nobody answered', async () => {
    await service.propose.propose(
      municipality,
      await ground.parties.proposal({ id, lapsesAt: daysLater(3).toISOString() }),
    );
    clock.set(daysLater(3));
    await service.sweep.run();
    expect(await told()).toEqual([
      ['consent-requested', 'requested', both],
      ['consent-lapsed', 'lapsed', both],
    ]);
  });

  it('ends a suspended consent too, and none that was withdrawn', async () => {
    await record({ validUntil: daysLater(10).toISOString() });
    await service.acts.act(
      municipality,
      await ground.parties.act(ground.parties.municipality, { consentId: id, act: 'suspend' }),
    );
    clock.set(daysLater(11));
    await service.sweep.run();
    expect((await told()).at(-1)).toEqual(['consent-expired', 'expired', both]);
    expect(await service.sweep.run()).toBe(0);
  });

  it('reminds the collecting agency thirty days before, once for each version', async () => {
    await record();
    clock.set(daysLater(59));
    await service.sweep.run();
    expect(await told()).toHaveLength(1);
    clock.set(daysLater(60));
    await service.sweep.run();
    await service.sweep.run();
    expect(await told()).toEqual([
      ['consent-recorded', 'active', both],
      ['consent-ending', 'active', ['K-235']],
    ]);
    await record({ version: 2, validUntil: daysLater(150).toISOString() });
    clock.set(daysLater(120));
    await service.sweep.run();
    expect((await told()).at(-1)).toEqual(['consent-ending', 'active', ['K-235']]);
  });

  it.each([
    ['for one time', { uses: { kind: 'once' } }],
    ['shorter than that', { validUntil: daysLater(20).toISOString() }],
  ] as const)('reminds of none that is %s', async (_what, changes) => {
    await record(changes);
    clock.set(daysLater('uses' in changes ? 80 : 10));
    await service.sweep.run();
    expect(await told()).toHaveLength(1);
  });
});
