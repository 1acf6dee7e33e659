import { beforeAll, describe, expect, it } from '@jest/globals';
import { generateSigningKey, type KeyRecord, type SigningKey } from '#envelope';
import { FixedClock, type Thumbprint } from '#kernel';
import { AgencyAgent } from '../testing/agency-agent.fixture.js';
import { type TrustedKey, trustRecord } from './key-trust.js';

describe('trust in a key record', () => {
  let agent: AgencyAgent;
  let stranger: SigningKey;
  let next: SigningKey;
  let known: { signing: TrustedKey; recovery: TrustedKey; clientAuth: TrustedKey };

  beforeAll(async () => {
    agent = await AgencyAgent.of('K-235', new FixedClock(new Date('2026-11-22T10:00:00Z')));
    [stranger, next] = [await generateSigningKey(), await generateSigningKey()];
    const as = (use: KeyRecord['use'], { kid, publicJwk }: SigningKey): TrustedKey => ({ kid, use, jwk: publicJwk });
    known = {
      signing: as('signing', agent.signing),
      recovery: as('recovery', agent.recovery),
      clientAuth: as('client-auth', agent.clientAuth),
    };
  });

  const outcome = async (
    token: string | Promise<string>,
    trusted: readonly TrustedKey[],
    firstKey: Thumbprint = agent.signing.kid,
  ): Promise<string> => {
    const trust = await trustRecord(await token, firstKey, trusted);
    return trust.ok ? 'trusted' : trust.error.code;
  };

  describe('of the first signing key', () => {
    const first = (signWith?: SigningKey) => agent.record('signing', agent.signing.publicJwk, signWith);

    it('stands on the thumbprint that was compared out of band', async () => {
      expect(await outcome(first(), [])).toBe('trusted');
    });

    it('does not stand on another thumbprint', async () => {
      expect(await outcome(first(), [], stranger.kid)).toBe('KEY_UNTRUSTED');
    });

    it('needs its own signature', async () => {
      expect(await outcome(first(stranger), [])).toBe('KEY_UNTRUSTED');
    });

    it('needs a signature that verifies', async () => {
      expect(await outcome(first({ ...stranger, kid: agent.signing.kid }), [])).toBe('SIGNATURE_INVALID');
    });

    it('counts for signing only', async () => {
      expect(await outcome(agent.record('client-auth', agent.signing.publicJwk), [])).toBe('KEY_UNTRUSTED');
    });
  });

  describe('of a later signing key', () => {
    const later = (signWith: SigningKey) => agent.record('signing', next.publicJwk, signWith);

    it.each<[string, () => SigningKey, () => TrustedKey[], string]>([
      ['the previous one vouches', () => agent.signing, () => [known.signing], 'trusted'],
      ['the recovery key vouches', () => agent.recovery, () => [known.signing, known.recovery], 'trusted'],
      ['the recovery key vouches when no signing key is left', () => agent.recovery, () => [known.recovery], 'trusted'],
      [
        'the client-authentication key does not',
        () => agent.clientAuth,
        () => [known.signing, known.clientAuth],
        'KEY_UNTRUSTED',
      ],
      ['it does not itself', () => next, () => [known.signing], 'KEY_UNTRUSTED'],
      ['it does not itself when no other is left', () => next, () => [], 'KEY_UNTRUSTED'],
      ['a stranger does not', () => stranger, () => [known.signing], 'KEY_UNTRUSTED'],
      ['a key that is out of use does not', () => agent.signing, () => [known.recovery], 'KEY_UNTRUSTED'],
      [
        'a stranger under the name of the previous one does not',
        () => ({ ...stranger, kid: agent.signing.kid }),
        () => [known.signing],
        'SIGNATURE_INVALID',
      ],
    ])('%s', async (_what, signer, trusted, expected) => {
      expect(await outcome(later(signer()), trusted())).toBe(expected);
    });
  });

  describe('of a key for another use', () => {
    const uses = ['receiving', 'client-auth', 'recovery'] as const;
    const recordOf = async (use: (typeof uses)[number], signWith: SigningKey): Promise<string> =>
      agent.record(use, use === 'receiving' ? agent.receiving.publicJwk : next.publicJwk, signWith);

    it.each(uses)('the signing key vouches for %s', async (use) => {
      expect(await outcome(recordOf(use, agent.signing), [known.signing])).toBe('trusted');
    });

    it.each(['receiving', 'client-auth'] as const)('the recovery key does not vouch for %s', async (use) => {
      const trusted = [known.signing, known.recovery];
      expect(await outcome(recordOf(use, agent.recovery), trusted)).toBe('KEY_UNTRUSTED');
    });

    it('a later recovery key needs the previous one: who stole the signing key cannot bring his own', async () => {
      const trusted = [known.signing, known.recovery];
      expect(await outcome(recordOf('recovery', agent.signing), trusted)).toBe('KEY_UNTRUSTED');
      expect(await outcome(recordOf('recovery', agent.recovery), trusted)).toBe('trusted');
    });

    it.each(uses)('without a signing key there is no %s', async (use) => {
      expect(await outcome(recordOf(use, agent.signing), [])).toBe('KEY_UNTRUSTED');
    });
  });

  it('is not given to what is no key record', async () => {
    expect(await outcome(agent.revocation(agent.signing.kid), [known.signing])).toBe('TYP_MISMATCH');
    expect(await outcome('x', [known.signing])).toBe('MALFORMED');
  });
});
