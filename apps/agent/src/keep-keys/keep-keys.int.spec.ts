import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { generateSigningKey, readStatement, signStatement } from '#envelope';
import { agencyId, numericDate, type Thumbprint, unwrap } from '#kernel';
import { openVault } from '#key-vault';
import { alarmsOf, ask, keysAt, loggedKeyAt, mailOf, officer, requestAt } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, eventually, MovedClock, TestAgent } from '../fake-hub/test-agent.fixture.js';

const DAY_MS = 86_400_000;
const uses = ['signing', 'receiving', 'client-auth'] as const;

describe('an agency’s keys', () => {
  let hub: FakeHub;
  let clock: MovedClock;
  let agent: TestAgent;

  const start = async (more: object = {}): Promise<void> => {
    hub = await FakeHub.start();
    clock = new MovedClock();
    agent = await TestAgent.start(
      hub,
      [
        { id: 'K-235', keys: { useAfterSeconds: 0 } },
        { id: 'H-03', keys: { useAfterSeconds: 0 }, pseudonymKeyFrom: ['K-235'], ...more },
      ],
      clock,
    );
    await agent.onboardAll();
  };
  afterEach(async () => {
    await agent.close();
    await hub.close();
  });

  const rotate = (id: string, ...of: readonly string[]) =>
    agent.system(id).post('/v1/keys/rotate', { uses: of }).expect(202);
  const kidOf = async (id: string, use: string): Promise<string> => (await loggedKeyAt(agent, id, use)).thumbprint;
  const sentBy = (exchangeId: string) =>
    eventually(
      'it was posted',
      () => [...hub.messages.values()].find(({ manifest }) => manifest.context.exchangeId === exchangeId)?.manifest,
    );
  /** Does the vault of this agency, or the backup beside it, hold the private half? */
  const held = async (id: string, kid: string): Promise<boolean[]> => {
    const keyFile = join(agent.folder, `${id}.key`);
    const paths = [join(agent.folder, `${id}.vault`), join(agent.folder, `${id}.vault.bak`)];
    const vaults = await Promise.all(paths.map((path) => openVault({ path, secret: { keyFile } })));
    return vaults.map((vault) => unwrap(vault).byKid(kid as Thumbprint).ok);
  };

  describe('are rotated with an overlap', () => {
    beforeEach(() => start({ opening: 'by-hand' }));

    it('by one call: new ones in the log, and the old ones accepted until the overlap is over', async () => {
      const before = await Promise.all(uses.map((use) => kidOf('H-03', use)));
      await rotate('H-03', ...uses);
      for (const [index, use] of uses.entries()) {
        const old = before[index] ?? '';
        expect((await loggedKeyAt(agent, 'H-03', use, [old])).thumbprint).not.toBe(old);
        const { usableUntil } = (await keysAt(agent, 'H-03')).find(({ thumbprint }) => thumbprint === old) ?? {};
        const days = (Date.parse(usableUntil ?? '') - clock.now().getTime()) / DAY_MS;
        expect(days).toBeGreaterThan(6.9);
        expect(days).toBeLessThanOrEqual(7);
      }
    });

    it('so that senders take the new receiving key from the log, and what was sealed to the old one still opens', async () => {
      const old = await kidOf('H-03', 'receiving');
      const early = await ask(agent, 'H-03', [11]);
      const { messageId } = await mailOf(agent, 'H-03', early, ({ state }) => state === 'delivered');
      await rotate('H-03', 'receiving');
      const fresh = await loggedKeyAt(agent, 'H-03', 'receiving', [old]);

      const late = await ask(agent, 'H-03', [11]);
      expect((await sentBy(early)).context.recipientKey).toBe(old);
      expect((await sentBy(late)).context.recipientKey).toBe(fresh.thumbprint);
      await agent.system('H-03').post(`/v1/inbox/${messageId}/open`, { officer }).expect(202);
      await requestAt(agent, 'H-03', early);
    });

    it('and the new signing key signs once the log shows it, and not before', async () => {
      const old = await kidOf('K-235', 'signing');
      hub.keysDown = true;
      await rotate('K-235', 'signing');
      expect((await sentBy(await ask(agent, 'H-03', [11]))).kid).toBe(old);

      hub.keysDown = false;
      clock.moveOn(31_000);
      const { thumbprint } = await loggedKeyAt(agent, 'K-235', 'signing', [old]);
      expect((await sentBy(await ask(agent, 'H-03', [11]))).kid).toBe(thumbprint);
    });

    it('once, however often the call is repeated before the log shows the new key', async () => {
      hub.keysDown = true;
      await rotate('K-235', 'signing');
      await rotate('K-235', 'signing');
      expect((await keysAt(agent, 'K-235')).filter(({ use }) => use === 'signing')).toHaveLength(2);
    });

    it('by themselves after the days that the agency chose', async () => {
      await agent.close();
      await hub.close();
      await start({ keys: { useAfterSeconds: 0, rotateEveryDays: 30 } });
      const before = await Promise.all(uses.map((use) => kidOf('H-03', use)));
      clock.moveOn(29 * DAY_MS);
      await eventually('a look at the keys', async () =>
        (await keysAt(agent, 'H-03')).length === 5 ? true : undefined,
      );
      clock.moveOn(DAY_MS);
      for (const use of uses) await loggedKeyAt(agent, 'H-03', use, before);
      const others = (await keysAt(agent, 'K-235')).filter(({ use }) => use === 'signing');
      expect(others).toHaveLength(1);
    });
  });

  describe('leave the vault', () => {
    beforeEach(() => start({ opening: 'by-hand' }));

    it('when nothing sealed to them can be left: a receiving key stays until its last message has ended, then nothing opens it', async () => {
      const [signing = '', receiving = ''] = await Promise.all(uses.map((use) => kidOf('H-03', use)));
      const exchangeId = await ask(agent, 'H-03', [11]);
      const { messageId } = await mailOf(agent, 'H-03', exchangeId, ({ state }) => state === 'delivered');
      await rotate('H-03', ...uses);
      await loggedKeyAt(agent, 'H-03', 'receiving', [receiving]);
      await loggedKeyAt(agent, 'H-03', 'signing', [signing]);

      clock.moveOn(7 * DAY_MS + 120_000);
      await eventually('the old signing key is gone', async () =>
        (await held('H-03', signing)).some(Boolean) ? undefined : true,
      );
      expect(await held('H-03', receiving)).toEqual([true, true]);

      // The release key of the test lives 60 days: no capsule, and so no message, lives longer.
      clock.moveOn(54 * DAY_MS);
      await eventually('the old receiving key is gone', async () =>
        (await held('H-03', receiving)).some(Boolean) ? undefined : true,
      );
      const released = hub.releaseRequests.length;
      await agent.system('H-03').post(`/v1/inbox/${messageId}/open`, { officer }).expect(202);
      const unopened = await mailOf(agent, 'H-03', exchangeId, ({ code }) => code !== undefined);
      expect(unopened.code).toBe('VAULT_KEY_MISSING');
      // What nobody can open is not released either.
      expect(hub.releaseRequests).toHaveLength(released);
      expect(await alarmsOf(agent, 'H-03')).toMatchObject([{ code: 'VAULT_KEY_MISSING' }]);
    });
  });

  it('that make pseudonyms go over to a next one from a moment on, and the one before is destroyed when nothing is left under it', async () => {
    await start();
    const versions = async (id: string): Promise<(number | undefined)[]> =>
      (await keysAt(agent, id)).filter(({ use }) => use === 'pseudonym').map(({ version }) => version);
    const subjectOf = async (exchangeId: string) => (await sentBy(exchangeId)).context.subjects[0]?.slice(0, 3);
    await agent.system('K-235').post('/v1/pseudonym-key/rotate').expect(202);
    await eventually('the county has it', async () => ((await versions('H-03')).length === 2 ? true : undefined));
    expect(await subjectOf(await ask(agent, 'H-03', [11]))).toBe('p1.');

    clock.moveOn(DAY_MS);
    const exchangeId = await ask(agent, 'H-03', [11]);
    expect(await subjectOf(exchangeId)).toBe('p2.');
    await requestAt(agent, 'H-03', exchangeId);
    clock.moveOn(365 * DAY_MS);
    expect(await versions('K-235')).toEqual([1, 2]);

    clock.moveOn(2 * DAY_MS);
    for (const id of ['K-235', 'H-03'])
      await eventually(`${id} has the next one alone`, async () =>
        (await versions(id)).every((version) => version === 2) ? true : undefined,
      );
  });

  describe('are revoked', () => {
    beforeEach(() => start());

    it('at once by one call; a new one takes the place of the last of its use', async () => {
      const old = await kidOf('H-03', 'receiving');
      await agent.system('H-03').post(`/v1/keys/${old}/revoke`).expect(200);
      expect([...hub.revoked]).toEqual([old]);
      const { thumbprint } = await loggedKeyAt(agent, 'H-03', 'receiving', [old]);
      await eventually('the log shows the end', async () =>
        (await keysAt(agent, 'H-03')).find((key) => key.thumbprint === old && key.revokedAt !== undefined),
      );
      expect((await sentBy(await ask(agent, 'H-03', [11]))).context.recipientKey).toBe(thumbprint);
      expect(await alarmsOf(agent, 'H-03')).toEqual([]);
    });

    it('also a stolen signing key: the recovery key vouches for the new one', async () => {
      const keys = await keysAt(agent, 'K-235');
      const recovery = keys.find(({ use }) => use === 'recovery')?.thumbprint;
      const old = await kidOf('K-235', 'signing');
      await agent.system('K-235').post(`/v1/keys/${old}/revoke`).expect(200);
      await loggedKeyAt(agent, 'K-235', 'signing', [old]);
      const records = hub.log.clearRecords().flatMap((one) => (one.type === 'agency-key' ? [one.record] : []));
      expect(unwrap(readStatement('agency-key', records.at(-1) ?? '')).kid).toBe(recovery);
      await requestAt(agent, 'H-03', await ask(agent, 'H-03', [11]));
    });

    it('only those of the agency itself', async () => {
      const others = await kidOf('H-03', 'receiving');
      await agent.system('K-235').post(`/v1/keys/${others}/revoke`).expect(404);
      await agent.system('K-235').post('/v1/keys/x/revoke').expect(404);
    });
  });

  describe('that were lost', () => {
    const medium = () => join(agent.folder, 'medium');
    const passphraseFile = () => join(agent.folder, 'H-03.key');

    it('come back on the word of the recovery key, which lay offline; the lost ones are revoked', async () => {
      await start();
      await agent.reconfigure('H-03', { recovery: { path: medium(), keyFile: passphraseFile() } });
      const keys = await bodyOf<{ keys: { use: string }[] }>(
        agent.system('H-03').post('/v1/keys/recovery/move-offline').expect(200),
      );
      expect(keys.keys.some(({ use }) => use === 'recovery')).toBe(false);
      const lost = await Promise.all(uses.map((use) => kidOf('H-03', use)));

      await agent.stop();
      const vault = join(agent.folder, 'H-03.vault');
      await rename(vault, join(agent.folder, 'lost'));
      await rm(`${vault}.bak`);
      await agent.restart();
      await agent.system('H-03').post('/v1/keys/recover').expect(202);

      for (const use of uses) await loggedKeyAt(agent, 'H-03', use, lost);
      expect([...hub.revoked].sort()).toEqual([...lost].sort());
      await agent.system('K-235').post('/v1/onboarding/pseudonym-key/share', { agency: 'H-03' }).expect(202);
      await requestAt(agent, 'H-03', await ask(agent, 'H-03', [11]));
      const again = await agent.system('H-03').post('/v1/keys/recover').expect(202);
      expect((again.body as { keys: object[] }).keys).toHaveLength(4);
    });

    it('do not come back without it', async () => {
      await start();
      await agent.reconfigure('H-03', { recovery: { path: medium(), keyFile: passphraseFile() } });
      await agent.system('H-03').post('/v1/keys/recovery/move-offline').expect(200);
      await agent.stop();
      await rm(join(agent.folder, 'H-03.vault'));
      await rm(medium());
      await agent.restart();
      const { code } = await bodyOf<{ code: string }>(agent.system('H-03').post('/v1/keys/recover'));
      expect(code).toBe('VAULT_KEY_MISSING');
      expect(hub.revoked.size).toBe(0);
    });
  });

  describe('that somebody else brings or ends', () => {
    beforeEach(() => start());

    const foreignKey = async (): Promise<void> => {
      const stranger = await generateSigningKey();
      const now = clock.now();
      const record = {
        v: 1 as const,
        agency: agencyId('H-03'),
        use: 'signing' as const,
        jwk: stranger.publicJwk,
        notBefore: now.toISOString(),
        notAfter: new Date(now.getTime() + DAY_MS).toISOString(),
        iat: numericDate(now),
      };
      await hub.publish(await signStatement('agency-key', record, stranger));
    };
    const warnings = async (): Promise<string[] | undefined> =>
      (await bodyOf<{ warnings?: string[] }>(agent.anonymous().get('/readyz').expect(200))).warnings;
    const metric = async (): Promise<string | undefined> =>
      (await agent.anonymous().get('/metrics')).text
        .split('\n')
        .find((line) => line.startsWith('kotovayla_agent_open_alarms{agency="H-03",code="KEY_UNTRUSTED"}'));

    it('raise an alarm that stands before people until one of them says that he has seen it, and stays in the list', async () => {
      expect(await warnings()).toBeUndefined();
      await foreignKey();
      const alarm = await eventually('the alarm', async () => (await alarmsOf(agent, 'H-03'))[0]);
      expect(alarm).toMatchObject({ code: 'KEY_UNTRUSTED' });
      expect(alarm.acknowledged).toBeUndefined();
      expect(await warnings()).toEqual(['H-03: 1 open alarm(s) KEY_UNTRUSTED']);
      expect(await metric()).toMatch(/ 1$/);

      const path = `/v1/alarms/${alarm.id}/acknowledge`;
      await agent.system('K-235').post(path, { person: officer }).expect(404);
      await agent.system('H-03').post(path, { person: officer, note: 'Soitettu operaattorille.' }).expect(200);
      expect(await alarmsOf(agent, 'H-03')).toMatchObject([
        { code: 'KEY_UNTRUSTED', acknowledged: { name: officer.name, note: 'Soitettu operaattorille.' } },
      ]);
      expect(await warnings()).toBeUndefined();
      expect(await metric()).toBeUndefined();
      await agent.system('H-03').post(path, { person: officer }).expect(409);
    });

    it('raise an alarm also when a key is revoked that was not revoked here', async () => {
      const kid = (await kidOf('H-03', 'receiving')) as Thumbprint;
      const keyFile = join(agent.folder, 'H-03.key');
      const vault = unwrap(await openVault({ path: join(agent.folder, 'H-03.vault'), secret: { keyFile } }));
      const now = clock.now();
      const statement = { agency: agencyId('H-03'), kid, at: now.toISOString(), iat: numericDate(now) };
      await hub.revoke(await signStatement('agency-key-revocation', statement, unwrap(vault.current('signing'))));
      const alarm = await eventually('the alarm', async () => (await alarmsOf(agent, 'H-03'))[0]);
      expect(alarm.code).toBe('KEY_REVOKED');
    });
  });
});
