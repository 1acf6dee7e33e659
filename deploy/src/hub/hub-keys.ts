import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, randomBytes } from 'node:crypto';
import { exportPrivateJwk, generateSigningKey, importSigningKey, type PublicJwk } from '#envelope';
import { verifierKey } from '#merkle';
import { loadOrCreateServiceKey } from '#platform';

/**
 * The hub's service keys: each private half in a file of its own, each public half pinned by configuration elsewhere
 * (design: Calls between services). Made before the first start, because the others must know them then.
 */
export interface HubKeys {
  readonly permitKeyFile: string;
  readonly outcomeKeyFile: string;
  readonly gatewayKeyFile: string;
  readonly directoryKeyFile: string;
  readonly auditKeyFile: string;
  readonly logKeyFile: string;
  readonly entryKekFile: string;
  readonly identityKeyFile: string;
  readonly releaseKeyFolder: string;
  readonly permitPublicJwk: PublicJwk;
  readonly outcomePublicJwk: PublicJwk;
  readonly auditPublicJwk: PublicJwk;
  readonly gatewayPublicJwk: PublicJwk;
  readonly directoryPublicJwk: PublicJwk;
  /** C2SP verifier key of the log. */
  readonly logVerifierKey: string;
}

/**
 * @param within path below the data folder
 * @param origin name of the log, fixed at first start
 */
export async function hubKeys(within: (...names: string[]) => string, origin: string): Promise<HubKeys> {
  const file = (name: string): string => within('keys', name);
  const signing = async (name: string): Promise<PublicJwk> => {
    const jwk = await loadOrCreateServiceKey(file(name), async () => exportPrivateJwk(await generateSigningKey()));
    return (await importSigningKey(jwk)).publicJwk;
  };
  const [permitPublicJwk, outcomePublicJwk, auditPublicJwk, gatewayPublicJwk, directoryPublicJwk] = await Promise.all([
    signing('permit.jwk'),
    signing('outcome.jwk'),
    signing('audit.jwk'),
    signing('gateway.jwk'),
    signing('directory.jwk'),
  ]);
  const logKey = await loadOrCreateServiceKey(file('log.jwk'), async () =>
    generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }),
  );
  await loadOrCreateServiceKey(file('entry-kek.jwk'), async () => ({
    kty: 'oct',
    k: randomBytes(32).toString('base64url'),
  }));
  return {
    permitKeyFile: file('permit.jwk'),
    outcomeKeyFile: file('outcome.jwk'),
    gatewayKeyFile: file('gateway.jwk'),
    directoryKeyFile: file('directory.jwk'),
    auditKeyFile: file('audit.jwk'),
    logKeyFile: file('log.jwk'),
    entryKekFile: file('entry-kek.jwk'),
    identityKeyFile: file('identity.jwk'),
    releaseKeyFolder: within('keys', 'release'),
    permitPublicJwk,
    outcomePublicJwk,
    auditPublicJwk,
    gatewayPublicJwk,
    directoryPublicJwk,
    logVerifierKey: verifierKey(
      origin,
      createPublicKey(createPrivateKey({ key: logKey as JsonWebKey, format: 'jwk' })),
    ),
  };
}
