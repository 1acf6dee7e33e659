import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FixedClock, newConsentId } from '#kernel';
import { ConsentGround, type Instance } from '../testing/consent-ground.fixture.js';
import {
  byConsent,
  client,
  county,
  daysLater,
  exchange,
  kela,
  municipality,
  now,
  somebodyElse,
} from '../testing/facts.fixture.js';

describe('the consents about a person', () => {
  const clock = new FixedClock(now);
  const [active, withdrawn, ended, later] = [newConsentId(), newConsentId(), newConsentId(), newConsentId()];
  let ground: ConsentGround;
  let service: Instance;
  let activeRecord: string;

  beforeAll(async () => {
    ground = await ConsentGround.lay(clock);
    service = ground.instance();
    const { parties } = ground;
    const record = async (token: string): Promise<string> => {
      await service.record.record(municipality, token);
      clock.advance(1_000);
      return token;
    };
    await record(await parties.record({ id: active }));
    activeRecord = await record(await parties.record({ id: active, version: 2 }));
    await record(await parties.record({ id: withdrawn }));
    await record(await parties.record({ id: ended, validUntil: daysLater(1).toISOString() }));
    await record(await parties.record({ id: later, validFrom: daysLater(30).toISOString() }));
    await record(await parties.record({ id: newConsentId(), subject: somebodyElse }));
    for (const n of [1, 2])
      await service.permit.permit([
        await parties.release({ basis: [byConsent({}, active, 2)], exchangeId: exchange(n) }),
      ]);
    await service.acts.act(municipality, await parties.act(parties.municipality, { consentId: withdrawn }));
    clock.set(daysLater(2));
  });
  afterAll(() => ground.clear());

  it('are listed in their newest version, oldest first, with state and uses of the moment', async () => {
    const { consents: listed } = await service.list.list(municipality, client);
    expect(listed.map(({ state, uses }) => [state, uses])).toEqual([
      ['active', 2],
      ['withdrawn', 0],
      ['expired', 0],
      ['not-yet-valid', 0],
    ]);
    expect(listed[0]?.record).toBe(activeRecord);
  });

  it('are shown to each party', async () => {
    expect((await service.list.list(county, client)).consents).toHaveLength(4);
  });

  it('are hidden from everybody else', async () => {
    expect(await service.list.list(kela, client)).toEqual({ consents: [], links: [] });
  });
});

describe('a check of the basis before release', () => {
  let ground: ConsentGround;
  let service: Instance;
  const consentId = newConsentId();

  beforeAll(async () => {
    ground = await ConsentGround.lay(new FixedClock(now));
    service = ground.instance();
    await service.record.record(municipality, await ground.parties.record({ id: consentId, uses: { kind: 'once' } }));
  });
  afterAll(() => ground.clear());

  const manifestOf = async (changes: Parameters<typeof ground.parties.manifest>[0] = {}): Promise<string> =>
    (await ground.parties.manifest({ basis: [byConsent({}, consentId)], ...changes })).manifest;

  it('answers each message in its order with every reason', async () => {
    const manifests = await Promise.all([
      manifestOf(),
      manifestOf({ purpose: 'coordination', subjects: [somebodyElse] }),
      manifestOf({ recipient: kela }),
    ]);
    expect(await service.check.check([...manifests, 'no.manifest.at-all'])).toEqual([
      { allowed: true, code: '', reasons: [] },
      {
        allowed: false,
        code: 'CONSENT_TOO_NARROW',
        reasons: [
          'CONSENT_TOO_NARROW: consent-covers-purpose',
          'CONSENT_TOO_NARROW: consent-is-about-subject',
          'CONSENT_TOO_NARROW: every-subject-has-consent',
        ],
      },
      { allowed: false, code: 'NO_BASIS', reasons: ['NO_BASIS: consent-of-both-parties'] },
      { allowed: false, code: expect.any(String), reasons: [] },
    ]);
  });

  it('counts no use, however often it is asked', async () => {
    const manifests = await Promise.all([1, 2].map((n) => manifestOf({ exchangeId: exchange(n) })));
    for (let times = 0; times < 3; times++)
      expect((await service.check.check(manifests)).map(({ allowed }) => allowed)).toEqual([true, true]);
    expect(await ground.rows('SELECT 1 FROM consent.consent_use')).toEqual([]);
  });
});
