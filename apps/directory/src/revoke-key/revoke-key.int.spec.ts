import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generateSigningKey } from '#envelope';
import { AgencyAgent } from '../testing/agency-agent.fixture.js';
import { DirectoryGround, now } from '../testing/directory-ground.fixture.js';

let made = 0;

describe('revoking a key', () => {
  let ground: DirectoryGround;
  let agent: AgencyAgent;

  beforeAll(async () => {
    ground = await DirectoryGround.lay();
  });
  afterAll(() => ground.clear());
  beforeEach(async () => {
    ground.clock.set(now);
    made += 1;
    agent = await AgencyAgent.of(`O-${made}`, ground.clock);
    await ground.register(agent);
    await ground.keys.publish(await agent.records());
    await ground.log(agent.id);
  });

  const revocations = async () => (await ground.told(agent.id)).filter(({ type }) => type === 'key-revoked');

  it('is in the snapshot when it is answered, without waiting for the log', async () => {
    const record = await agent.revocation(agent.receiving.kid);
    expect(await ground.revocations.revoke(record)).toEqual(now);
    expect(ground.shownKeys(agent.id)).toEqual(['signing', 'receiving, revoked', 'client-auth', 'recovery']);
    expect((await revocations()).map(({ clear }) => clear)).toEqual([{ type: 'agency-key-revocation', record }]);
  });

  it('counts from the moment that it arrives, whatever it says of earlier times', async () => {
    const early = await agent.revocation(agent.receiving.kid);
    ground.clock.advance(3_600_000);
    expect(await ground.revocations.revoke(early)).toEqual(ground.clock.now());
  });

  it('holds at once: one that is to count later is refused', async () => {
    const later = new Date(now.getTime() + 86_400_000);
    const record = await agent.revocation(agent.receiving.kid, agent.signing, later);
    await expect(ground.revocations.revoke(record)).rejects.toMatchObject({ code: 'MALFORMED' });
  });

  it('is answered as before when it comes again', async () => {
    const record = await agent.revocation(agent.receiving.kid);
    await ground.revocations.revoke(record);
    ground.clock.advance(1_000);
    expect(await ground.revocations.revoke(record)).toEqual(now);
    expect(await revocations()).toHaveLength(1);
  });

  it('may be signed by the recovery key', async () => {
    await ground.revocations.revoke(await agent.revocation(agent.signing.kid, agent.recovery));
    expect(ground.shownKeys(agent.id)).toContain('signing, revoked');
  });

  it('of the recovery key needs the recovery key: who stole the signing key locks nobody out', async () => {
    await expect(ground.revocations.revoke(await agent.revocation(agent.recovery.kid))).rejects.toMatchObject({
      code: 'SIGNATURE_INVALID',
    });
    const another = await agent.record('recovery', (await generateSigningKey()).publicJwk);
    await expect(ground.keys.publish([another])).rejects.toMatchObject({ code: 'KEY_UNTRUSTED' });
    await ground.revocations.revoke(await agent.revocation(agent.recovery.kid, agent.recovery));
    expect(ground.shownKeys(agent.id)).toContain('recovery, revoked');
  });

  it('by the key itself is the last thing that it signs', async () => {
    await ground.revocations.revoke(await agent.revocation(agent.signing.kid));
    await expect(ground.revocations.revoke(await agent.revocation(agent.receiving.kid))).rejects.toMatchObject({
      code: 'SIGNATURE_INVALID',
    });
  });

  it.each([
    ['the client-authentication key', async () => agent.clientAuth],
    ['a stranger', () => generateSigningKey()],
    [
      'a stranger under the name of the signing key',
      async () => ({ ...(await generateSigningKey()), kid: agent.signing.kid }),
    ],
  ])('is not signed by %s', async (_who, signer) => {
    await expect(
      ground.revocations.revoke(await agent.revocation(agent.receiving.kid, await signer())),
    ).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
    expect(ground.shownKeys(agent.id)).toContain('receiving');
  });

  it('concerns keys of the agency alone', async () => {
    const { kid } = await generateSigningKey();
    await expect(ground.revocations.revoke(await agent.revocation(kid))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const unknown = await AgencyAgent.of('O-UNKNOWN', ground.clock);
    await expect(ground.revocations.revoke(await unknown.revocation(agent.signing.kid))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('is possible while the agency is suspended', async () => {
    await ground.agencies.setStatus({ id: agent.id, status: 'suspended' });
    await ground.revocations.revoke(await agent.revocation(agent.signing.kid));
    expect(ground.shownKeys(agent.id)).toContain('signing, revoked');
  });

  it('and the log’s confirmation of keys do not wait for each other', async () => {
    for (let round = 0; round < 10; round++) {
      const key = await generateSigningKey();
      await ground.keys.publish([await agent.record('client-auth', key.publicJwk)]);
      const record = await agent.revocation(key.kid);
      await Promise.all([ground.log(agent.id), ground.revocations.revoke(record)]);
    }
    await ground.feed.refresh();
    expect(ground.shownKeys(agent.id).filter((use) => use === 'client-auth, revoked')).toHaveLength(10);
  });
});
