import { describe, expect, it } from '@jest/globals';
import { agencyId, numericDate, type Thumbprint, unwrap } from '#kernel';
import type { KeyRecord } from './key-record.js';
import { generateReceivingKey, generateSigningKey, type SigningKey } from './keys.js';
import { LoggedKeys } from './logged-keys.js';
import { signStatement } from './statements.js';

const agency = agencyId('K-235');
const now = new Date();
const record = (
  use: KeyRecord['use'],
  key: Pick<SigningKey, 'publicJwk'>,
  signer: SigningKey,
  of = agency,
  changes: Partial<KeyRecord> = {},
): Promise<string> =>
  signStatement(
    'agency-key',
    {
      v: 1,
      agency: of,
      use,
      jwk: key.publicJwk,
      notBefore: new Date(now.getTime() - 60_000).toISOString(),
      notAfter: new Date(now.getTime() + 86_400_000).toISOString(),
      iat: 1,
      ...changes,
    },
    signer,
  );
const DAY_MS = 86_400_000;
const after = (ms: number): Date => new Date(now.getTime() + ms);
const revocation = (kid: Thumbprint, signer: SigningKey, at = now): Promise<string> =>
  signStatement('agency-key-revocation', { agency, kid, at: at.toISOString(), iat: numericDate(now) }, signer);

async function onboarded(): Promise<{ keys: LoggedKeys; signing: SigningKey; recovery: SigningKey }> {
  const keys = new LoggedKeys();
  const [signing, recovery] = [await generateSigningKey(), await generateSigningKey()];
  await keys.apply({ type: 'agency-key', record: await record('signing', signing, signing) }, 0);
  await keys.apply({ type: 'agency-key', record: await record('recovery', recovery, signing) }, 1);
  return { keys, signing, recovery };
}

describe('keys from clear leaves', () => {
  it('are known once the log shows them', async () => {
    const { keys, signing } = await onboarded();
    expect(await keys.signingKey(agency, signing.kid, now)).toMatchObject({ ok: true, value: { kid: signing.kid } });
  });

  it('are not known before', async () => {
    const stranger = await generateSigningKey();
    expect(await new LoggedKeys().signingKey(agency, stranger.kid, now)).toMatchObject({
      error: { code: 'KEY_NOT_LOGGED' },
    });
  });

  it('follow the chain: a second signing key that signs itself is refused', async () => {
    const { keys } = await onboarded();
    const swapped = await generateSigningKey();
    const applied = await keys.apply({ type: 'agency-key', record: await record('signing', swapped, swapped) }, 2);
    expect(applied).toMatchObject({ error: { code: 'KEY_UNTRUSTED', details: { agency } } });
    expect(keys.isLogged(agency, swapped.kid)).toBe(false);
  });

  it('follow the chain: by the previous signing key and by the recovery key', async () => {
    const { keys, signing, recovery } = await onboarded();
    const [second, third] = [await generateSigningKey(), await generateSigningKey()];
    expect(await keys.apply({ type: 'agency-key', record: await record('signing', second, signing) }, 2)).toMatchObject(
      { ok: true },
    );
    expect(await keys.apply({ type: 'agency-key', record: await record('signing', third, recovery) }, 3)).toMatchObject(
      { ok: true },
    );
  });

  it('keep to one use: a recovery key vouches for no receiving key', async () => {
    const { keys, recovery } = await onboarded();
    const receiving = await generateReceivingKey();
    const applied = await keys.apply({ type: 'agency-key', record: await record('receiving', receiving, recovery) }, 2);
    expect(applied).toMatchObject({ error: { code: 'KEY_UNTRUSTED' } });
  });

  it('belong to one agency: another’s signing key vouches for none', async () => {
    const { keys, signing } = await onboarded();
    const receiving = await generateReceivingKey();
    const of = agencyId('H-03');
    const applied = await keys.apply(
      { type: 'agency-key', record: await record('receiving', receiving, signing, of) },
      2,
    );
    expect(applied).toMatchObject({ error: { code: 'KEY_UNTRUSTED', details: { agency: of } } });
  });

  it('are sealed to in their newest valid version', async () => {
    const { keys, signing } = await onboarded();
    const [first, second] = [await generateReceivingKey(), await generateReceivingKey()];
    await keys.apply({ type: 'agency-key', record: await record('receiving', first, signing) }, 2);
    await keys.apply({ type: 'agency-key', record: await record('receiving', second, signing) }, 3);
    expect(unwrap(await keys.receivingKey(agency, now)).kid).toBe(second.kid);
  });

  it('count up to their revocation, and vouch for nothing after it', async () => {
    const { keys, signing } = await onboarded();
    const revocation = await signStatement(
      'agency-key-revocation',
      { agency, kid: signing.kid, at: now.toISOString(), iat: numericDate(now) },
      signing,
    );
    await keys.apply({ type: 'agency-key-revocation', record: revocation }, 2);
    expect(await keys.signingKey(agency, signing.kid, new Date(now.getTime() - 1))).toMatchObject({ ok: true });
    expect(await keys.signingKey(agency, signing.kid, now)).toMatchObject({ error: { code: 'KEY_REVOKED' } });
    const next = await generateSigningKey();
    expect(await keys.apply({ type: 'agency-key', record: await record('signing', next, signing) }, 3)).toMatchObject({
      error: { code: 'KEY_UNTRUSTED' },
    });
  });

  it('are not revoked by a stranger', async () => {
    const { keys, signing } = await onboarded();
    const stranger = await generateSigningKey();
    const revocation = await signStatement(
      'agency-key-revocation',
      { agency, kid: signing.kid, at: now.toISOString(), iat: numericDate(now) },
      stranger,
    );
    expect(await keys.apply({ type: 'agency-key-revocation', record: revocation }, 2)).toMatchObject({
      error: { code: 'KEY_UNTRUSTED' },
    });
    expect(await keys.signingKey(agency, signing.kid, now)).toMatchObject({ ok: true });
  });

  describe('that take the place of an earlier one', () => {
    const until = after((7 * DAY_MS) / 24);

    it('end it at the end of the overlap: both are accepted until then, and it is written down', async () => {
      const { keys, signing } = await onboarded();
      const next = await generateSigningKey();
      const supersedes = { kid: signing.kid, until: until.toISOString() };
      const token = await record('signing', next, signing, agency, { supersedes });
      const applied = await keys.apply({ type: 'agency-key', record: token }, 2);
      expect(applied).toMatchObject({ value: { ended: { kid: signing.kid, notAfter: until } } });
      const atEnd = new Date(until.getTime() - 1);
      for (const kid of [signing.kid, next.kid])
        expect(await keys.signingKey(agency, kid, atEnd)).toMatchObject({ ok: true });
      expect(await keys.signingKey(agency, signing.kid, until)).toMatchObject({ error: { code: 'KEY_REVOKED' } });
      expect(await keys.signingKey(agency, next.kid, until)).toMatchObject({ ok: true });
    });

    it('end no key of another use', async () => {
      const { keys, signing, recovery } = await onboarded();
      const supersedes = { kid: recovery.kid, until: now.toISOString() };
      const token = await record('signing', await generateSigningKey(), signing, agency, { supersedes });
      expect(await keys.apply({ type: 'agency-key', record: token }, 2)).toMatchObject({ value: { ended: undefined } });
    });

    it('are used a minute after they count, so that clocks may differ', async () => {
      const { keys, signing } = await onboarded();
      const [first, second] = [await generateReceivingKey(), await generateReceivingKey()];
      await keys.apply({ type: 'agency-key', record: await record('receiving', first, signing) }, 2);
      const token = await record('receiving', second, signing, agency, { notBefore: now.toISOString() });
      await keys.apply({ type: 'agency-key', record: token }, 3);
      expect(unwrap(await keys.receivingKey(agency, after(59_999))).kid).toBe(first.kid);
      expect(unwrap(await keys.receivingKey(agency, after(60_000))).kid).toBe(second.kid);
    });
  });

  it('of recovery are not to be brought or ended by a stolen signing key', async () => {
    const { keys, signing, recovery } = await onboarded();
    const another = await record('recovery', await generateSigningKey(), signing);
    expect(await keys.apply({ type: 'agency-key', record: another }, 2)).toMatchObject({
      error: { code: 'KEY_UNTRUSTED' },
    });
    const ended = await revocation(recovery.kid, signing);
    expect(await keys.apply({ type: 'agency-key-revocation', record: ended }, 3)).toMatchObject({
      error: { code: 'KEY_UNTRUSTED' },
    });
    const next = await record('recovery', await generateSigningKey(), recovery);
    expect(await keys.apply({ type: 'agency-key', record: next }, 4)).toMatchObject({ ok: true });
  });

  it('that were revoked revoke no others and are not brought back by a later word', async () => {
    const { keys, signing, recovery } = await onboarded();
    const next = await generateSigningKey();
    await keys.apply({ type: 'agency-key', record: await record('signing', next, signing) }, 2);
    await keys.apply({ type: 'agency-key-revocation', record: await revocation(signing.kid, recovery) }, 3);
    const revenge = await revocation(next.kid, signing);
    expect(await keys.apply({ type: 'agency-key-revocation', record: revenge }, 4)).toMatchObject({
      error: { code: 'KEY_UNTRUSTED' },
    });
    const later = await revocation(signing.kid, next, after(DAY_MS));
    await keys.apply({ type: 'agency-key-revocation', record: later }, 5);
    expect(await keys.signingKey(agency, signing.kid, after(1))).toMatchObject({ error: { code: 'KEY_REVOKED' } });
  });

  it('are revoked at once, also by a word that names a later moment', async () => {
    const { keys, signing } = await onboarded();
    const token = await revocation(signing.kid, signing, after(DAY_MS));
    await keys.apply({ type: 'agency-key-revocation', record: token }, 2);
    expect(await keys.signingKey(agency, signing.kid, after(61_000))).toMatchObject({ error: { code: 'KEY_REVOKED' } });
  });
});
