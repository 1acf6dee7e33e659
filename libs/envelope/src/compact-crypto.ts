import {
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import type { ReceivingCurve, ReceivingKey, RecipientKey, SigningKey, VerificationKey } from './keys.js';
import { isRecord } from './shape.js';

/**
 * The cryptography of compact tokens (RFC 7515, RFC 7516, RFC 7518) and nothing else, for the algorithms of the profile only,
 * straight on node:crypto: jose does the same through WebCrypto at several times the cost, and stays the reference to which
 * these calls are held. What a token is *for* (typ, kid, members, canonical text) is judged by compact-jws.ts and
 * compact-jwe.ts.
 *
 * All of it runs in the caller's thread: an operation takes less than handing it to another one.
 */

export type ContentEncryption = 'A256GCM' | 'A256CBC-HS512';

/** `alg` names by which a signature of a key may call itself; RFC 9864 gives Ed25519 a name of its own. */
export const signatureNames = { ES256: ['ES256'], EdDSA: ['EdDSA', 'Ed25519'] } as const;
export const keyAgreement = 'ECDH-ES';
export const direct = 'dir';

interface SealedHeader {
  enc: ContentEncryption;
  typ: string;
  kid?: string;
}

const SIGNATURE_BYTES = 64;
const TAG_BYTES = { A256GCM: 16, 'A256CBC-HS512': 32 } as const;
const IV_BYTES = { A256GCM: 12, 'A256CBC-HS512': 16 } as const;
const KEY_BYTES = { A256GCM: 32, 'A256CBC-HS512': 64 } as const;
const digestOf = { ES256: 'sha256', EdDSA: null } as const;

export function signToken(payload: Uint8Array, header: { kid: string; typ: string }, key: SigningKey): string {
  const input = `${textOf({ alg: key.alg, ...header })}.${base64url(payload)}`;
  const signature = sign(digestOf[key.alg], Buffer.from(input, 'latin1'), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return `${input}.${base64url(signature)}`;
}

/** Whether the signature is this key's, by an algorithm of this key. */
export function verifySignature(token: string, key: VerificationKey): boolean {
  const [protectedHeader = '', payload = '', encoded = '', ...more] = token.split('.');
  const header = headerOf(protectedHeader);
  const names: readonly unknown[] = signatureNames[key.alg];
  if (more.length > 0 || header === undefined || !names.includes(header['alg'])) return false;
  const signature = bytesOf(encoded);
  if (signature?.length !== SIGNATURE_BYTES || bytesOf(payload) === undefined) return false;
  const input = Buffer.from(`${protectedHeader}.${payload}`, 'latin1');
  return verify(digestOf[key.alg], input, { key: key.publicKey, dsaEncoding: 'ieee-p1363' }, signature);
}

/** To a key by ECDH-ES with an ephemeral key of its own. */
export function encryptTo(plaintext: Uint8Array, header: SealedHeader, key: RecipientKey): string {
  const ephemeral = generateEphemeral[key.crv]();
  const { kty, crv, x, y } = ephemeral.publicKey.export({ format: 'jwk' });
  const epk = y === undefined ? { kty, crv, x } : { kty, crv, x, y };
  const secret = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: key.publicKey });
  const contentKey = concatKdf(secret, header.enc, NOBODY, NOBODY);
  return encrypted(plaintext, { alg: keyAgreement, ...header, epk }, contentKey);
}

/** Under shared bytes. @throws TypeError when they are not as long as the encryption needs */
export function encryptUnder(plaintext: Uint8Array, header: SealedHeader, key: Uint8Array): string {
  if (key.length !== KEY_BYTES[header.enc]) throw new TypeError(`not a key for ${header.enc}`);
  return encrypted(plaintext, { alg: direct, ...header }, key);
}

/** With a receiving key by key agreement, with bytes directly. Undefined when it is not sealed so or was changed. */
export function decryptToken(
  token: string,
  key: ReceivingKey | Uint8Array,
  enc: ContentEncryption,
): Buffer | undefined {
  const [protectedHeader = '', encryptedKey, ...rest] = token.split('.');
  const header = headerOf(protectedHeader);
  const [iv, ciphertext, tag] = rest.map(bytesOf);
  if (header === undefined || header['enc'] !== enc || 'zip' in header || encryptedKey !== '' || rest.length !== 3)
    return undefined;
  if (iv?.length !== IV_BYTES[enc] || ciphertext === undefined || tag?.length !== TAG_BYTES[enc]) return undefined;
  const contentKey = key instanceof Uint8Array ? sharedKey(header, key) : agreedKey(header, key, enc);
  if (contentKey?.length !== KEY_BYTES[enc]) return undefined;
  const sealed = { iv, ciphertext, tag, aad: Buffer.from(protectedHeader, 'latin1') };
  return enc === 'A256GCM' ? openGcm(contentKey, sealed) : openCbcHmac(contentKey, sealed);
}

function encrypted(
  plaintext: Uint8Array,
  header: SealedHeader & { alg: string; epk?: object },
  contentKey: Uint8Array,
): string {
  const protectedHeader = textOf(header);
  const aad = Buffer.from(protectedHeader, 'latin1');
  const iv = randomBytes(IV_BYTES[header.enc]);
  const seal = header.enc === 'A256GCM' ? sealGcm : sealCbcHmac;
  const { ciphertext, tag } = seal(contentKey, iv, plaintext, aad);
  return `${protectedHeader}..${base64url(iv)}.${base64url(ciphertext)}.${base64url(tag)}`;
}

interface Sealed {
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
  readonly aad: Buffer;
}

/** RFC 7518 §5.3. */
function sealGcm(key: Uint8Array, iv: Buffer, plaintext: Uint8Array, aad: Buffer): Pick<Sealed, 'ciphertext' | 'tag'> {
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { ciphertext, tag: cipher.getAuthTag() };
}

function openGcm(key: Uint8Array, { iv, ciphertext, tag, aad }: Sealed): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES.A256GCM });
  decipher.setAAD(aad).setAuthTag(tag);
  const plaintext = decipher.update(ciphertext);
  try {
    decipher.final();
    return plaintext;
  } catch {
    return undefined;
  }
}

/** RFC 7518 §5.2.2.1. */
function sealCbcHmac(
  key: Uint8Array,
  iv: Buffer,
  plaintext: Uint8Array,
  aad: Buffer,
): Pick<Sealed, 'ciphertext' | 'tag'> {
  const cipher = createCipheriv('aes-256-cbc', key.subarray(32), iv);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { ciphertext, tag: hmacTag(key.subarray(0, 32), { iv, ciphertext, aad }) };
}

/** RFC 7518 §5.2.2.2: nothing is decrypted before the tag is right, so there is no padding oracle. */
function openCbcHmac(key: Uint8Array, sealed: Sealed): Buffer | undefined {
  if (!timingSafeEqual(hmacTag(key.subarray(0, 32), sealed), sealed.tag)) return undefined;
  const decipher = createDecipheriv('aes-256-cbc', key.subarray(32), sealed.iv);
  try {
    return Buffer.concat([decipher.update(sealed.ciphertext), decipher.final()]);
  } catch {
    return undefined;
  }
}

function hmacTag(key: Uint8Array, { iv, ciphertext, aad }: Omit<Sealed, 'tag'>): Buffer {
  const bits = Buffer.alloc(8);
  bits.writeBigUInt64BE(BigInt(aad.length) * 8n);
  const mac = createHmac('sha512', key).update(aad).update(iv).update(ciphertext).update(bits).digest();
  return mac.subarray(0, TAG_BYTES['A256CBC-HS512']);
}

const generateEphemeral: Record<ReceivingCurve, () => { publicKey: KeyObject; privateKey: KeyObject }> = {
  X25519: () => generateKeyPairSync('x25519'),
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
};

const sharedKey = (header: Header, key: Uint8Array): Uint8Array | undefined =>
  header['alg'] === direct ? key : undefined;

/** RFC 7518 §4.6 by direct agreement. */
function agreedKey(header: Header, { privateKey, crv }: ReceivingKey, enc: ContentEncryption): Buffer | undefined {
  const { alg, epk } = header;
  const parties = [header['apu'], header['apv']].map(partyInfo);
  const [apu, apv] = parties;
  if (alg !== keyAgreement || !isRecord(epk) || epk['crv'] !== crv || 'd' in epk || !apu || !apv) return undefined;
  try {
    const publicKey = createPublicKey({ key: epk, format: 'jwk' });
    // OpenSSL refuses an X25519 secret of zeros and a point off its curve.
    return concatKdf(diffieHellman({ privateKey, publicKey }), enc, apu, apv);
  } catch {
    return undefined;
  }
}

const NOBODY = Buffer.alloc(0);

const partyInfo = (value: unknown): Buffer | undefined =>
  value === undefined ? NOBODY : typeof value === 'string' ? bytesOf(value) : undefined;

/** NIST SP 800-56A §5.8.1 with SHA-256, over the fields of RFC 7518 §4.6.2. */
function concatKdf(secret: Buffer, enc: ContentEncryption, apu: Buffer, apv: Buffer): Buffer {
  const length = KEY_BYTES[enc];
  const info = [lengthPrefixed(Buffer.from(enc)), lengthPrefixed(apu), lengthPrefixed(apv), uint32(length * 8)];
  const rounds: Buffer[] = [];
  for (let round = 1; rounds.length * 32 < length; round++)
    rounds.push(
      createHash('sha256')
        .update(Buffer.concat([uint32(round), secret, ...info]))
        .digest(),
    );
  return Buffer.concat(rounds, length);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const lengthPrefixed = (bytes: Buffer): Buffer => Buffer.concat([uint32(bytes.length), bytes]);

type Header = Readonly<Record<string, unknown>>;

/** Without extensions that must be understood (`crit`), which there are none of. */
function headerOf(segment: string): Header | undefined {
  try {
    const header: unknown = JSON.parse(bytesOf(segment)?.toString('utf8') ?? '');
    return isRecord(header) && !('crit' in header) ? header : undefined;
  } catch {
    return undefined;
  }
}

const base64url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');

const textOf = (header: object): string => Buffer.from(JSON.stringify(header)).toString('base64url');

/** Bytes of canonical base64url (RFC 4648 §5 without padding); undefined for any other spelling, which Buffer forgives. */
function bytesOf(segment: string): Buffer | undefined {
  const bytes = Buffer.from(segment, 'base64url');
  return bytes.toString('base64url') === segment ? bytes : undefined;
}
