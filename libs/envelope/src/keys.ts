import {
  type KeyObject,
  createECDH,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPair,
} from 'node:crypto';
import { promisify } from 'node:util';
import type { JWK } from 'jose';
import { LRUCache } from 'lru-cache';
import { AppError, type Result, type Thumbprint, canonicalJson, err, ok, sha256 } from '#kernel';
import { type Check, closed, either, isRecord, oneOf, optional, parseAs, text } from './shape.js';

export type SigningAlg = 'ES256' | 'EdDSA';
export type ReceivingCurve = 'X25519' | 'P-256';

/** The public members of a key and no other (RFC 7517, RFC 8037). */
export interface PublicJwk {
  kty: 'EC' | 'OKP';
  crv: 'P-256' | 'Ed25519' | 'X25519';
  x: string;
  y?: string;
  alg?: 'ES256' | 'EdDSA' | 'Ed25519' | 'ECDH-ES';
}

/** Private signing key of an agency or a hub service. Never leaves its process; has no JSON form. */
export interface SigningKey {
  readonly kid: Thumbprint;
  readonly alg: SigningAlg;
  readonly privateKey: KeyObject;
  readonly publicJwk: PublicJwk;
}

export interface VerificationKey {
  readonly kid: Thumbprint;
  readonly alg: SigningAlg;
  readonly publicKey: KeyObject;
  readonly jwk: PublicJwk;
}

/** Private key to which messages are sealed; audit's release key is one too. */
export interface ReceivingKey {
  readonly kid: Thumbprint;
  readonly crv: ReceivingCurve;
  readonly privateKey: KeyObject;
  readonly publicJwk: PublicJwk;
}

export interface RecipientKey {
  readonly kid: Thumbprint;
  readonly crv: ReceivingCurve;
  readonly publicKey: KeyObject;
  readonly jwk: PublicJwk;
}

// 32 bytes as canonical base64url.
const coordinate = text(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/);

const ecJwk = closed<PublicJwk & { y: string }>({
  kty: oneOf('EC'),
  crv: oneOf('P-256'),
  x: coordinate,
  y: coordinate,
  alg: optional(oneOf('ES256', 'ECDH-ES')),
});
const edwardsJwk = closed<Omit<PublicJwk, 'y'>>({
  kty: oneOf('OKP'),
  crv: oneOf('Ed25519'),
  x: coordinate,
  alg: optional(oneOf('EdDSA', 'Ed25519')),
});
const montgomeryJwk = closed<Omit<PublicJwk, 'y'>>({
  kty: oneOf('OKP'),
  crv: oneOf('X25519'),
  x: coordinate,
  alg: optional(oneOf('ECDH-ES')),
});

/** Shape of a public key of the profile; whether it is a point of its curve shows at import. */
export const publicJwkShape: Check<PublicJwk> = either(ecJwk, either(edwardsJwk, montgomeryJwk));

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'] as const;

// Points of small order on Ed25519: under such a key one signature fits many messages, so its owner could deny all.
const smallOrderEd25519: ReadonlySet<string> = new Set(
  [
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0000000000000000000000000000000000000000000000000000000000000080',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
    '0100000000000000000000000000000000000000000000000000000000000080',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  ].map((hex) => Buffer.from(hex, 'hex').toString('base64url')),
);

const generate = {
  ES256: () => promisify(generateKeyPair)('ec', { namedCurve: 'P-256' }),
  'P-256': () => promisify(generateKeyPair)('ec', { namedCurve: 'P-256' }),
  EdDSA: () => promisify(generateKeyPair)('ed25519'),
  X25519: () => promisify(generateKeyPair)('x25519'),
} as const;

const thumbprint = ({ kty, crv, x, y }: PublicJwk): Thumbprint =>
  // RFC 7638 §3: the required members in lexicographic order without white space, which is their canonical JSON.
  sha256(canonicalJson(y === undefined ? { crv, kty, x } : { crv, kty, x, y })) as string as Thumbprint;

/** RFC 7638 thumbprint of a key of the profile. Throws TypeError on another key. */
export async function thumbprintOf(jwk: PublicJwk): Promise<Thumbprint> {
  return thumbprint(bug(parseAs(publicJwkShape, jwk)));
}

export async function generateSigningKey(alg: SigningAlg = 'ES256'): Promise<SigningKey> {
  return signingKeyOf((await generate[alg]()).privateKey);
}

export async function generateReceivingKey(crv: ReceivingCurve = 'X25519'): Promise<ReceivingKey> {
  return receivingKeyOf((await generate[crv]()).privateKey);
}

/** For a vault only. */
export function exportPrivateJwk(key: SigningKey | ReceivingKey): JWK {
  const { d } = key.privateKey.export({ format: 'jwk' });
  return { ...key.publicJwk, d };
}

/** Throws TypeError on anything but an ES256 or Ed25519 private key: private keys come from our own vault and files. */
export async function importSigningKey(privateJwk: JWK): Promise<SigningKey> {
  return signingKeyOf(privateKeyOf(privateJwk));
}

/** Throws TypeError on anything but an X25519 or P-256 private key. */
export async function importReceivingKey(privateJwk: JWK): Promise<ReceivingKey> {
  return receivingKeyOf(privateKeyOf(privateJwk));
}

const importCacheSize = 4096;
const verificationKeys = new LRUCache<Thumbprint, VerificationKey>({ max: importCacheSize });
const recipientKeys = new LRUCache<Thumbprint, RecipientKey>({ max: importCacheSize });

/**
 * Key by which signatures are checked. Imported once and cached by thumbprint. Errors: ALG_NOT_ALLOWED (another
 * algorithm or use, a private or weak key), MALFORMED.
 */
export async function importVerificationKey(jwk: unknown): Promise<Result<VerificationKey>> {
  const shaped = publicOnly(jwk);
  if (!shaped.ok) return shaped;
  const { kid, publicJwk } = shaped.value;
  const alg = signingAlgs[publicJwk.crv];
  if (alg === undefined || publicJwk.alg === keyAgreementAlg) return notAllowed('This is not a signing key.');
  const cached = verificationKeys.get(kid);
  if (cached !== undefined) return ok(cached);
  if (publicJwk.crv === 'Ed25519' && smallOrderEd25519.has(publicJwk.x)) return notAllowed('The key is weak.');
  const publicKey = pointOf(publicJwk);
  if (publicKey === undefined) return notAllowed('The key is no point of its curve.');
  const key: VerificationKey = { kid, alg, publicKey, jwk: canonicalPublic(publicJwk, alg) };
  verificationKeys.set(kid, key);
  return ok(key);
}

/** Key to which is sealed. Imported once and cached by thumbprint. Errors: ALG_NOT_ALLOWED, MALFORMED. */
export async function importRecipientKey(jwk: unknown): Promise<Result<RecipientKey>> {
  const shaped = publicOnly(jwk);
  if (!shaped.ok) return shaped;
  const { kid, publicJwk } = shaped.value;
  const { crv } = publicJwk;
  if (crv === 'Ed25519' || (publicJwk.alg !== undefined && publicJwk.alg !== keyAgreementAlg)) {
    return notAllowed('This is not a receiving key.');
  }
  const cached = recipientKeys.get(kid);
  if (cached !== undefined) return ok(cached);
  if (crv === 'X25519' && !isReduced(publicJwk.x)) return notAllowed('The key is not in canonical form.');
  const publicKey = pointOf(publicJwk);
  if (publicKey === undefined) return notAllowed('The key is no point of its curve.');
  if (!(await contributes(publicKey, crv))) return notAllowed('The key is weak.');
  const key: RecipientKey = { kid, crv, publicKey, jwk: canonicalPublic(publicJwk, keyAgreementAlg) };
  recipientKeys.set(kid, key);
  return ok(key);
}

const keyAgreementAlg = 'ECDH-ES';
const signingAlgs: Partial<Record<PublicJwk['crv'], SigningAlg>> = { 'P-256': 'ES256', Ed25519: 'EdDSA' };

const notAllowed = (detail: string) => err(new AppError('ALG_NOT_ALLOWED', detail));

function publicOnly(jwk: unknown): Result<{ kid: Thumbprint; publicJwk: PublicJwk }> {
  if (!isRecord(jwk)) return err(new AppError('MALFORMED', 'A key is a JSON object.'));
  if (privateMembers.some((member) => Object.hasOwn(jwk, member))) return notAllowed('The key is not public.');
  const { kty, crv } = jwk;
  if (!(kty === 'EC' && crv === 'P-256') && !(kty === 'OKP' && (crv === 'Ed25519' || crv === 'X25519'))) {
    return notAllowed('The kind of key is outside the profile.');
  }
  const shaped = parseAs(publicJwkShape, jwk);
  return shaped.ok ? ok({ kid: thumbprint(shaped.value), publicJwk: shaped.value }) : shaped;
}

const canonicalPublic = ({ kty, crv, x, y }: PublicJwk, alg: NonNullable<PublicJwk['alg']>): PublicJwk =>
  y === undefined ? { kty, crv, x, alg } : { kty, crv, x, y, alg };

function pointOf({ kty, crv, x, y }: PublicJwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

const fieldOf25519 = 2n ** 255n - 19n;

/** RFC 7748 §5 forgives other spellings of a coordinate; each would have a thumbprint of its own. */
const isReduced = (x: string): boolean =>
  BigInt(`0x${Buffer.from(x, 'base64url').reverse().toString('hex')}`) < fieldOf25519;

/** RFC 7748 §6.1: with a point of small order the shared secret is zero whatever the other side adds. */
async function contributes(publicKey: KeyObject, crv: ReceivingCurve): Promise<boolean> {
  try {
    const { privateKey } = await generate[crv]();
    return diffieHellman({ privateKey, publicKey }).some((byte) => byte !== 0);
  } catch {
    return false;
  }
}

function privateKeyOf(jwk: JWK): KeyObject {
  const { kty, crv, x, y, d } = jwk;
  try {
    const key = createPrivateKey({ key: { kty, crv, x, y, d }, format: 'jwk' });
    if (halvesBelongTogether(key, jwk)) return key;
  } catch {
    // Never hand on OpenSSL's message: it may quote its input.
  }
  throw new TypeError('not a private key of the profile');
}

/**
 * OpenSSL derives the public half of an Ed25519 or X25519 key from the private one, but takes that of an EC key as the
 * file has it: such a key would sign what its own public half does not verify.
 */
function halvesBelongTogether(key: KeyObject, { crv, x = '', y = '', d = '' }: JWK): boolean {
  if (crv !== 'P-256') return createPublicKey(key).export({ format: 'jwk' }).x === x;
  const derived = createECDH('prime256v1');
  derived.setPrivateKey(d, 'base64url');
  return derived.getPublicKey('hex') === `04${hexOf(x)}${hexOf(y)}`;
}

const hexOf = (coordinateText: string): string => Buffer.from(coordinateText, 'base64url').toString('hex');

function publicHalf(privateKey: KeyObject): PublicJwk {
  const { kty, crv, x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
  return bug(parseAs(publicJwkShape, y === undefined ? { kty, crv, x } : { kty, crv, x, y }));
}

function signingKeyOf(privateKey: KeyObject): SigningKey {
  const half = publicHalf(privateKey);
  const alg = signingAlgs[half.crv];
  if (alg === undefined) throw new TypeError('not a signing key');
  return { kid: thumbprint(half), alg, privateKey, publicJwk: canonicalPublic(half, alg) };
}

function receivingKeyOf(privateKey: KeyObject): ReceivingKey {
  const half = publicHalf(privateKey);
  if (half.crv === 'Ed25519') throw new TypeError('not a receiving key');
  return { kid: thumbprint(half), crv: half.crv, privateKey, publicJwk: canonicalPublic(half, keyAgreementAlg) };
}

function bug<T>(result: Result<T>): T {
  if (!result.ok) throw new TypeError('not a key of the profile');
  return result.value;
}
