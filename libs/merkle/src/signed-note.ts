import { type KeyObject, createHash, createPublicKey, sign, verify } from 'node:crypto';
import { AppError, type Result, err, ok } from '#kernel';
import { decodeBase64, encodeBase64 } from './base64.js';

/** Signs note texts under a name (C2SP signed-note). */
export interface NoteSigner {
  readonly name: string;
  /** Four bytes that tell keys of one name apart. */
  readonly keyId: Buffer;
  /** Signature over the UTF-8 bytes of the text, its last newline included. */
  sign(text: string): Buffer;
}

/** Checks signatures of one key that was configured beforehand, never one that came along with a note. */
export interface NoteVerifier {
  readonly name: string;
  readonly keyId: Buffer;
  verify(text: string, signature: Uint8Array): boolean;
}

/** One signature line of a note, read but not verified. */
export interface NoteSignature {
  readonly name: string;
  readonly keyId: Buffer;
  /** Everything behind the key id. */
  readonly signature: Buffer;
  /** Word for word, without its newline. */
  readonly line: string;
}

/** C2SP signature type bytes. 0x06 (ML-DSA-44) belongs to the same space. */
export const ed25519Type = 0x01;
export const cosignatureType = 0x04;
const ed25519PublicKeyLength = 32;
const keyIdLength = 4;

/** Room for 16 post-quantum signatures of 5 kB, which every verifier must accept, and no more. */
const maxNoteBytes = 128 * 1024;
const maxSignatures = 100;

const signatureLineText = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)$/u;
const keyName = /^[^\s+\p{Cc}]+$/u;
const verifierKeyText = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u;
const loneSurrogate = /\p{Surrogate}/u;
// Control characters below U+0020 except the newline; the upper ones are allowed in a note.
const forbiddenControl = /[^\P{Cc}\n\u007f-\u009f]/u;

/** Non-empty, no Unicode space, no plus sign, no control character. */
export const isKeyName = (name: string): boolean => keyName.test(name) && !loneSurrogate.test(name);

/** Signer with an Ed25519 private key (type 0x01). Throws TypeError for another kind of key or a name that is none. */
export function ed25519NoteSigner(name: string, privateKey: KeyObject): NoteSigner {
  const { keyId } = encodeKey(name, ed25519Type, createPublicKey(privateKey));
  return { name, keyId, sign: (text) => sign(null, Buffer.from(text, 'utf8'), privateKey) };
}

/** The key as agents and auditors configure it: `name+hex(keyId)+base64(type ‖ public key)`. Throws as the signer does. */
export const verifierKey = (name: string, publicKey: KeyObject): string =>
  encodeKey(name, ed25519Type, publicKey).verifierKey;

/** Reads a verifier key. The id must be the hash of name and key, so that a mistyped key is noticed. CHECKPOINT_INVALID. */
export function parseVerifierKey(text: string): Result<NoteVerifier> {
  const key = readVerifierKey(text);
  if (!key.ok) return key;
  const { name, keyId, type, publicKey } = key.value;
  if (type !== ed25519Type) return malformed('the verifier key is of a type that is not accepted');
  return ok({
    name,
    keyId,
    verify: (signed, signature) => verify(null, Buffer.from(signed, 'utf8'), publicKey, signature),
  });
}

/** An Ed25519 key with its name, for whatever type of signature. */
export interface NamedKey {
  readonly name: string;
  readonly keyId: Buffer;
  readonly type: number;
  readonly publicKey: KeyObject;
  /** The 32 bytes of the key, by which one key under two names is found. */
  readonly rawKey: Buffer;
}

/** Any verifier key over an Ed25519 key; the caller says which types it accepts. Errors: CHECKPOINT_INVALID. */
export function readVerifierKey(text: string): Result<NamedKey> {
  const [, name = '', keyIdHex = '', base64 = ''] = verifierKeyText.exec(text) ?? [];
  const encoded = decodeBase64(base64);
  if (!isKeyName(name) || encoded === undefined) return malformed('not a verifier key');
  const type = encoded[0];
  if (type === undefined || encoded.length !== 1 + ed25519PublicKeyLength) {
    return malformed('the verifier key is of a type that is not accepted');
  }
  const keyId = keyIdOf(name, encoded);
  if (keyId.toString('hex') !== keyIdHex) return malformed('the verifier key does not fit its id');
  const rawKey = encoded.subarray(1);
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: rawKey.toString('base64url') },
    format: 'jwk',
  });
  return ok({ name, keyId, type, publicKey, rawKey });
}

/** Text, blank line, one signature line a signer. Throws TypeError unless the text is one that a note may carry. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!isNoteText(text) || signers.length === 0) throw new TypeError('not a text that can be signed as a note');
  return `${text}\n${signers.map((signer) => signatureLine(text, signer)).join('')}`;
}

/** One signature line with its newline. */
export const signatureLine = (text: string, signer: NoteSigner): string =>
  `\u2014 ${signer.name} ${encodeBase64(Buffer.concat([signer.keyId, signer.sign(text)]))}\n`;

/**
 * The text and the signature lines of a note, nothing of it verified. Base64 must be canonical in every line: stray bits
 * would give one signature several texts. Errors: CHECKPOINT_INVALID.
 */
export function readNote(
  note: string,
): Result<{ readonly text: string; readonly signatures: readonly NoteSignature[] }> {
  if (Buffer.byteLength(note, 'utf8') > maxNoteBytes) return malformed('the note is too large');
  // The text may contain empty lines: the last one separates it from the signatures.
  const separator = note.lastIndexOf('\n\n');
  if (separator < 0 || !note.endsWith('\n')) return malformed('the note has no signatures');
  const text = note.slice(0, separator + 1);
  if (!isNoteText(text)) return malformed('the note contains what no note may contain');
  const lines = note.slice(separator + 2, -1).split('\n');
  if (lines.length > maxSignatures) return malformed('the note has too many signatures');
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const [, name = '', base64 = ''] = signatureLineText.exec(line) ?? [];
    const bytes = decodeBase64(base64);
    if (!isKeyName(name) || bytes === undefined || bytes.length <= keyIdLength)
      return malformed('a signature line is malformed');
    signatures.push({ name, keyId: bytes.subarray(0, keyIdLength), signature: bytes.subarray(keyIdLength), line });
  }
  return ok({ text, signatures });
}

/** Whether the line claims to be of this key. */
export const isOfKey = ({ name, keyId }: NoteSignature, key: Pick<NoteVerifier, 'name' | 'keyId'>): boolean =>
  name === key.name && keyId.equals(key.keyId);

/**
 * The text of a note that `verifier` signed. Every line under that key must verify; lines of unknown keys are ignored,
 * also where they share its name or its id alone. Errors: CHECKPOINT_INVALID.
 */
export function openNote(note: string, verifier: NoteVerifier): Result<string> {
  const read = readNote(note);
  if (!read.ok) return read;
  const { text, signatures } = read.value;
  const own = signatures.filter((signature) => isOfKey(signature, verifier));
  if (own.length === 0) return malformed('the note is not signed by the expected key');
  if (!own.every(({ signature }) => verifier.verify(text, signature)))
    return malformed('the signature does not verify');
  return ok(text);
}

const isNoteText = (text: string): boolean =>
  text.endsWith('\n') && !forbiddenControl.test(text) && !loneSurrogate.test(text);

/** Key id and verifier key. Throws TypeError for another kind of key or a name that is none. */
export function encodeKey(
  name: string,
  type: number,
  publicKey: KeyObject,
): { readonly keyId: Buffer; readonly verifierKey: string } {
  if (!isKeyName(name)) throw new TypeError('not a key name');
  const { crv, x } = publicKey.export({ format: 'jwk' });
  if (crv !== 'Ed25519' || x === undefined) throw new TypeError('a checkpoint key is an Ed25519 key');
  const encoded = Buffer.concat([Buffer.of(type), Buffer.from(x, 'base64url')]);
  const keyId = keyIdOf(name, encoded);
  return { keyId, verifierKey: `${name}+${keyId.toString('hex')}+${encodeBase64(encoded)}` };
}

const keyIdOf = (name: string, encodedKey: Uint8Array): Buffer =>
  createHash('sha256').update(`${name}\n`, 'utf8').update(encodedKey).digest().subarray(0, keyIdLength);

const malformed = (detail: string) => err(new AppError('CHECKPOINT_INVALID', detail));
