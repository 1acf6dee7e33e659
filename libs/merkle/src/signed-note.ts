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

/** C2SP signature type bytes. 0x04 (Ed25519 cosignature) and 0x06 (ML-DSA-44) belong to the same space. */
const ed25519Type = 0x01;
const ed25519PublicKeyLength = 32;
const keyIdLength = 4;

/** Room for 16 post-quantum signatures of 5 kB, which every verifier must accept, and no more. */
const maxNoteBytes = 128 * 1024;
const maxSignatures = 100;

const signatureLine = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)$/u;
const keyName = /^[^\s+\p{Cc}]+$/u;
const verifierKeyText = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u;
const loneSurrogate = /\p{Surrogate}/u;
// Control characters below U+0020 except the newline; the upper ones are allowed in a note.
const forbiddenControl = /[^\P{Cc}\n\u007f-\u009f]/u;

/** Non-empty, no Unicode space, no plus sign, no control character. */
export const isKeyName = (name: string): boolean => keyName.test(name) && !loneSurrogate.test(name);

/** Signer with an Ed25519 private key (type 0x01). Throws TypeError for another kind of key or a name that is none. */
export function ed25519NoteSigner(name: string, privateKey: KeyObject): NoteSigner {
  const keyId = keyIdOf(name, encodedPublicKey(name, createPublicKey(privateKey)));
  return { name, keyId, sign: (text) => sign(null, Buffer.from(text, 'utf8'), privateKey) };
}

/** The key as agents and auditors configure it: `name+hex(keyId)+base64(type ‖ public key)`. Throws as the signer does. */
export function verifierKey(name: string, publicKey: KeyObject): string {
  const encoded = encodedPublicKey(name, publicKey);
  return `${name}+${keyIdOf(name, encoded).toString('hex')}+${encodeBase64(encoded)}`;
}

/** Reads a verifier key. The id must be the hash of name and key, so that a mistyped key is noticed. CHECKPOINT_INVALID. */
export function parseVerifierKey(text: string): Result<NoteVerifier> {
  const [, name = '', keyIdHex = '', base64 = ''] = verifierKeyText.exec(text) ?? [];
  const encoded = decodeBase64(base64);
  if (!isKeyName(name) || encoded === undefined) return malformed('not a verifier key');
  if (encoded[0] !== ed25519Type || encoded.length !== 1 + ed25519PublicKeyLength) {
    return malformed('the verifier key is of a type that is not accepted');
  }
  const keyId = keyIdOf(name, encoded);
  if (keyId.toString('hex') !== keyIdHex) return malformed('the verifier key does not fit its id');
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: encoded.subarray(1).toString('base64url') },
    format: 'jwk',
  });
  return ok({
    name,
    keyId,
    verify: (signed, signature) => verify(null, Buffer.from(signed, 'utf8'), publicKey, signature),
  });
}

/** Text, blank line, one signature line a signer. Throws TypeError unless the text is one that a note may carry. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!isNoteText(text) || signers.length === 0) throw new TypeError('not a text that can be signed as a note');
  const lines = signers.map(
    (signer) => `\u2014 ${signer.name} ${encodeBase64(Buffer.concat([signer.keyId, signer.sign(text)]))}\n`,
  );
  return `${text}\n${lines.join('')}`;
}

/**
 * The text of a note that `verifier` signed. Every line under that key must verify; lines of unknown keys are ignored,
 * also where they share its name or its id alone. Base64 must be canonical in every line: stray bits would give one
 * signature several texts. Errors: CHECKPOINT_INVALID.
 */
export function openNote(note: string, verifier: NoteVerifier): Result<string> {
  if (Buffer.byteLength(note, 'utf8') > maxNoteBytes) return malformed('the note is too large');
  // The text may contain empty lines: the last one separates it from the signatures.
  const separator = note.lastIndexOf('\n\n');
  if (separator < 0 || !note.endsWith('\n')) return malformed('the note has no signatures');
  const text = note.slice(0, separator + 1);
  if (!isNoteText(text)) return malformed('the note contains what no note may contain');
  const lines = note.slice(separator + 2, -1).split('\n');
  if (lines.length > maxSignatures) return malformed('the note has too many signatures');

  let verified = false;
  for (const line of lines) {
    const [, name = '', base64 = ''] = signatureLine.exec(line) ?? [];
    const bytes = decodeBase64(base64);
    if (!isKeyName(name) || bytes === undefined || bytes.length <= keyIdLength)
      return malformed('a signature line is malformed');
    if (name !== verifier.name || !bytes.subarray(0, keyIdLength).equals(verifier.keyId)) continue;
    if (!verifier.verify(text, bytes.subarray(keyIdLength))) return malformed('the signature does not verify');
    verified = true;
  }
  return verified ? ok(text) : malformed('the note is not signed by the expected key');
}

const isNoteText = (text: string): boolean =>
  text.endsWith('\n') && !forbiddenControl.test(text) && !loneSurrogate.test(text);

function encodedPublicKey(name: string, publicKey: KeyObject): Buffer {
  if (!isKeyName(name)) throw new TypeError('not a key name');
  const { crv, x } = publicKey.export({ format: 'jwk' });
  if (crv !== 'Ed25519' || x === undefined) throw new TypeError('a checkpoint key is an Ed25519 key');
  return Buffer.concat([Buffer.of(ed25519Type), Buffer.from(x, 'base64url')]);
}

const keyIdOf = (name: string, encodedKey: Uint8Array): Buffer =>
  createHash('sha256').update(`${name}\n`, 'utf8').update(encodedKey).digest().subarray(0, keyIdLength);

const malformed = (detail: string) => err(new AppError('CHECKPOINT_INVALID', detail));
