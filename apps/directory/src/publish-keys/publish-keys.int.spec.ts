import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generateSigningKey, type SigningKey } from '#envelope';
import { AgencyAgent } from '../testing/agency-agent.fixture.js';
import { DirectoryGround, now } from '../testing/directory-ground.fixture.js';

const DAY_MS = 86_400_000;
let made = 0;

describe('onboarding of an agency', () => {
  let ground: DirectoryGround;
  let agent: AgencyAgent;
  let next: SigningKey;

  beforeAll(async () => {
    ground = await DirectoryGround.lay();
    next = await generateSigningKey();
  });
  afterAll(() => ground.clear());
  beforeEach(async () => {
    ground.clock.set(now);
    made += 1;
    agent = await AgencyAgent.of(`O-${made}`, ground.clock);
    await ground.register(agent);
  });

  const publish = async (...records: Promise<string>[]) => ground.keys.publish(await Promise.all(records));
  const stored = () => ground.rows('SELECT 1 FROM directory.agency_key WHERE agency = $1', [agent.id]);
  const types = async () => (await ground.told(agent.id)).map(({ type }) => type);
  const onboard = async (): Promise<void> => {
    await ground.keys.publish(await agent.records());
    await ground.log(agent.id);
  };

  it('makes each key record a fact for the log, in clear and in the order of the post', async () => {
    const records = await agent.records();
    const kids = await ground.keys.publish(records);
    expect(kids).toEqual([agent.signing.kid, agent.receiving.kid, agent.clientAuth.kid, agent.recovery.kid]);
    const told = await ground.told(agent.id);
    expect(told.map(({ type }) => type)).toEqual(Array.from({ length: 4 }, () => 'key-published'));
    expect(told.map(({ clear }) => clear)).toEqual(records.map((record) => ({ type: 'agency-key', record })));
  });

  it('shows nobody a key before audit has logged it', async () => {
    await ground.keys.publish(await agent.records());
    await ground.feed.refresh();
    expect(ground.shownKeys(agent.id)).toEqual([]);
    expect(ground.statusOf(agent.id)).toBe('onboarding');
  });

  it('shows a logged key with its record and its place in the log', async () => {
    const [record] = await agent.records();
    await ground.keys.publish([record!]);
    await ground.log(agent.id);
    expect(ground.feed.current?.keys.filter(({ agency }) => agency === agent.id)).toEqual([
      expect.objectContaining({
        use: 'signing',
        kid: agent.signing.kid,
        record,
        leafIndex: expect.any(BigInt),
        jwkJson: expect.stringContaining(agent.signing.publicJwk.x),
        revokedAt: undefined,
      }),
    ]);
  });

  it('is finished with the last of the three needed keys, and says so once in the log', async () => {
    await ground.keys.publish(await agent.records());
    const [signing, receiving, clientAuth] = await ground.told(agent.id);
    await ground.logEvents([signing!.eventId, receiving!.eventId]);
    expect(ground.statusOf(agent.id)).toBe('onboarding');
    await ground.logEvents([clientAuth!.eventId]);
    expect(ground.statusOf(agent.id)).toBe('active');
    await ground.log(agent.id);
    const statuses = (await ground.told(agent.id)).filter(({ type }) => type === 'agency-status');
    expect(statuses.map(({ clear }) => clear)).toEqual([
      { type: 'agency', agency: agent.id, kind: 'O', businessId: '0203026-2', status: 'active', at: now.toISOString() },
    ]);
  });

  it('takes no notice of what audit says twice, or about others’ events', async () => {
    await onboard();
    const before = ground.feed.current;
    await ground.log(agent.id);
    await ground.logEvents(['f'.repeat(32)]);
    expect(ground.feed.current).toBe(before);
  });

  it('is not finished by a key that was revoked before it was logged', async () => {
    await ground.keys.publish(await agent.records());
    await ground.revocations.revoke(await agent.revocation(agent.clientAuth.kid));
    await ground.log(agent.id);
    expect(ground.statusOf(agent.id)).toBe('onboarding');
  });

  it('passes over records that it knows, with one effect', async () => {
    const records = await agent.records();
    const first = await ground.keys.publish(records);
    expect(await ground.keys.publish(records)).toEqual(first);
    expect(await ground.keys.publish([...records, ...records])).toEqual([...first, ...first]);
    expect(await types()).toHaveLength(4);
  });

  it('publishes a set once that comes twice at the same moment', async () => {
    const records = await agent.records();
    await Promise.all([ground.keys.publish(records), ground.keys.publish(records)]);
    expect(await types()).toHaveLength(4);
  });

  it('takes all records of a post or none', async () => {
    const stranger = await generateSigningKey();
    await expect(
      publish(
        agent.record('signing', agent.signing.publicJwk),
        agent.record('client-auth', agent.clientAuth.publicJwk, stranger),
      ),
    ).rejects.toMatchObject({ code: 'KEY_UNTRUSTED' });
    expect(await stored()).toEqual([]);
    expect(await types()).toEqual([]);
  });

  it('refuses a first key that is not the one compared', async () => {
    const other = await AgencyAgent.of(agent.id, ground.clock);
    await expect(ground.keys.publish(await other.records())).rejects.toMatchObject({ code: 'KEY_UNTRUSTED' });
  });

  it('refuses agencies that nobody registered', async () => {
    const unknown = await AgencyAgent.of('O-UNKNOWN', ground.clock);
    await expect(ground.keys.publish(await unknown.records())).rejects.toMatchObject({ code: 'AGENCY_NOT_ONBOARDED' });
  });

  it('refuses a suspended agency’s new keys', async () => {
    await onboard();
    await ground.agencies.setStatus({ id: agent.id, status: 'suspended' });
    await expect(publish(agent.record('signing', next.publicJwk))).rejects.toMatchObject({
      code: 'AGENCY_NOT_ONBOARDED',
    });
  });

  it.each<[string, () => Promise<string[]>]>([
    ['nothing', async () => []],
    [
      'more than sixteen records',
      async () => (await Promise.all(Array.from({ length: 5 }, () => agent.records()))).flat(),
    ],
    ['something else', async () => [await agent.revocation(agent.signing.kid)]],
    [
      'records of two agencies',
      async () => {
        const other = await AgencyAgent.of('O-OTHER', ground.clock);
        return [...(await agent.records()), ...(await other.records())];
      },
    ],
    [
      'a record that is past',
      async () => [
        await agent.record('signing', agent.signing.publicJwk, agent.signing, { notAfter: now.toISOString() }),
      ],
    ],
    [
      'a record from the future',
      async () => [
        await agent.record('signing', agent.signing.publicJwk, agent.signing, { iat: now.getTime() / 1000 + 61 }),
      ],
    ],
  ])('refuses a post of %s', async (_what, records) => {
    const post = await records();
    await expect(ground.keys.publish(post)).rejects.toMatchObject({
      code: expect.stringMatching(/^(MALFORMED|TYP_MISMATCH)$/),
    });
    expect(await stored()).toEqual([]);
  });

  it('refuses one key for two uses', async () => {
    await onboard();
    await expect(publish(agent.record('client-auth', agent.signing.publicJwk))).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    await expect(
      publish(agent.record('client-auth', next.publicJwk), agent.record('recovery', next.publicJwk)),
    ).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});

describe('a change of keys', () => {
  let ground: DirectoryGround;
  let agent: AgencyAgent;
  let next: SigningKey;

  beforeAll(async () => {
    ground = await DirectoryGround.lay();
  });
  afterAll(() => ground.clear());
  beforeEach(async () => {
    ground.clock.set(now);
    made += 1;
    agent = await AgencyAgent.of(`O-${made}`, ground.clock);
    next = await generateSigningKey();
    await ground.register(agent);
    await ground.keys.publish(await agent.records());
    await ground.log(agent.id);
  });

  it('is vouched for by the previous signing key, and by the new one from then on', async () => {
    await ground.keys.publish([await agent.record('signing', next.publicJwk)]);
    const third = await generateSigningKey();
    await ground.keys.publish([await agent.record('signing', third.publicJwk, next)]);
    await ground.log(agent.id);
    expect(ground.shownKeys(agent.id).filter((use) => use === 'signing')).toHaveLength(3);
  });

  it('may bring the new signing key and what it vouches for in one post', async () => {
    const kids = await ground.keys.publish([
      await agent.record('signing', next.publicJwk),
      await agent.record('client-auth', (await generateSigningKey()).publicJwk, next),
    ]);
    expect(kids[0]).toBe(next.kid);
  });

  it('is possible with the recovery key alone, when the only signing key is revoked', async () => {
    await ground.revocations.revoke(await agent.revocation(agent.signing.kid, agent.recovery));
    await expect(ground.keys.publish([await agent.record('signing', next.publicJwk, agent.recovery)])).resolves.toEqual(
      [next.kid],
    );
  });

  describe('with an overlap', () => {
    const ends = () =>
      ground.feed.current?.keys.find(({ agency, kid }) => agency === agent.id && kid === agent.signing.kid)?.notAfter;
    const superseding = (until: Date, kid = agent.signing.kid) =>
      agent.record('signing', next.publicJwk, agent.signing, { supersedes: { kid, until: until.toISOString() } });
    const week = new Date(now.getTime() + 7 * DAY_MS);

    it('ends the earlier key at its end, and not before the log shows the new one', async () => {
      const before = ends();
      await ground.keys.publish([await superseding(week)]);
      await ground.feed.refresh();
      expect(ends()).toEqual(before);
      await ground.log(agent.id);
      expect(ends()).toEqual(week);
    });

    it('never makes a key last longer', async () => {
      const before = ends();
      await ground.keys.publish([await superseding(new Date(now.getTime() + 4_000 * DAY_MS))]);
      await ground.log(agent.id);
      expect(ends()).toEqual(before);
    });

    it.each<[string, () => Promise<string>]>([
      ['in the past', () => superseding(new Date(now.getTime() - 61_000))],
      ['of a key of another use', () => superseding(week, agent.receiving.kid)],
      ['of a key that nobody knows', () => superseding(week, next.kid)],
    ])('is refused when it is the end %s', async (_what, record) => {
      ground.clock.set(new Date(now.getTime() - 120_000));
      const posted = await record();
      ground.clock.set(now);
      await expect(ground.keys.publish([posted])).rejects.toMatchObject({ code: 'MALFORMED' });
    });
  });

  it('is not possible with a revoked first key that vouches for itself anew', async () => {
    await ground.revocations.revoke(await agent.revocation(agent.signing.kid));
    await expect(
      ground.keys.publish([
        await agent.record('signing', agent.signing.publicJwk),
        await agent.record('signing', next.publicJwk),
      ]),
    ).rejects.toMatchObject({ code: 'KEY_UNTRUSTED' });
  });

  it('is not possible with a key that has expired', async () => {
    ground.clock.advance(401 * DAY_MS);
    await expect(ground.keys.publish([await agent.record('signing', next.publicJwk)])).rejects.toMatchObject({
      code: 'KEY_UNTRUSTED',
    });
  });

  it('is not possible with the key of another agency', async () => {
    made += 1;
    const other = await AgencyAgent.of(`O-${made}`, ground.clock);
    await expect(
      ground.keys.publish([await agent.record('signing', next.publicJwk, other.signing)]),
    ).rejects.toMatchObject({ code: 'KEY_UNTRUSTED' });
  });
});
