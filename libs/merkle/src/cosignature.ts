import { type KeyObject, createPublicKey, sign, verify } from 'node:crypto';
import { AppError, type Result, err, ok, unwrap } from '#kernel';
import type { Checkpoint } from './checkpoint.js';
import {
  type NoteSigner,
  type NoteVerifier,
  cosignatureType,
  encodeKey,
  isOfKey,
  readNote,
  readVerifierKey,
  signatureLine,
} from './signed-note.js';

/** Checks cosignatures of one witness, whose key was configured beforehand. */
export interface CosignatureVerifier extends NoteVerifier {
  /** The 32 bytes of the Ed25519 key: the same key under two names is one witness. */
  readonly rawKey: Buffer;
}

/** A witness's statement: at that time this was the largest tree it had seen of the log, and it had only grown. */
export interface Cosignature {
  readonly verifier: CosignatureVerifier;
  readonly at: Date;
  /** The signature line word for word, without its newline. */
  readonly line: string;
}

const timeLength = 8;
const signatureLength = 64;
/** C2SP allows 2^63−1; what no Date can hold is no time of ours. */
const latestSecond = 8_640_000_000_000n;

/** The witness's key as a policy names it (C2SP tlog-cosignature, type 0x04). Throws TypeError for another kind of key. */
export const cosignerKey = (name: string, publicKey: KeyObject): string =>
  encodeKey(name, cosignatureType, publicKey).verifierKey;

/**
 * Cosigns the texts of checkpoints (C2SP cosignature/v1). A key that cosigns signs nothing else, and under one name only: what
 * it signs does not contain the name. Throws TypeError for another kind of key or a name that is none.
 *
 * @param at the moment of the statement
 */
export function cosigner(name: string, privateKey: KeyObject, at: Date): NoteSigner {
  const { keyId } = encodeKey(name, cosignatureType, createPublicKey(privateKey));
  return {
    name,
    keyId,
    sign(text) {
      const seconds = BigInt(Math.floor(at.getTime() / 1_000));
      const time = Buffer.alloc(timeLength);
      time.writeBigUInt64BE(seconds);
      return Buffer.concat([time, sign(null, signedMessage(text, seconds), privateKey)]);
    },
  };
}

/** The signature line of a witness below a checkpoint, with its newline. */
export const cosignatureLine = ({ note }: Checkpoint, witness: NoteSigner): string =>
  signatureLine(unwrap(readNote(note)).text, witness);

/** Reads the key of a witness. Errors: CHECKPOINT_INVALID, also for a key of another type: a log's key is no witness's. */
export function parseCosignerKey(text: string): Result<CosignatureVerifier> {
  const key = readVerifierKey(text);
  if (!key.ok) return key;
  const { name, keyId, type, publicKey, rawKey } = key.value;
  if (type !== cosignatureType) return invalid('this is no key for cosignatures');
  return ok({
    name,
    keyId,
    rawKey,
    verify(signed, signature) {
      const seconds = secondsOf(signature);
      if (seconds === undefined) return false;
      return verify(null, signedMessage(signed, seconds), publicKey, signature.subarray(timeLength));
    },
  });
}

/**
 * The cosignatures of these witnesses in a note, the newest of each. Lines of other keys are passed over, so a note that
 * carries none of theirs gives an empty list; a line under one of their keys that does not verify spoils the note.
 * Errors: CHECKPOINT_INVALID.
 */
export function cosignaturesIn(note: string, witnesses: readonly CosignatureVerifier[]): Result<Cosignature[]> {
  const read = readNote(note);
  if (!read.ok) return read;
  const { text, signatures } = read.value;
  const newest = new Map<CosignatureVerifier, Cosignature>();
  for (const signature of signatures) {
    const witness = witnesses.find((one) => isOfKey(signature, one));
    if (!witness) continue;
    const seconds = secondsOf(signature.signature);
    if (seconds === undefined || !witness.verify(text, signature.signature))
      return invalid('a cosignature does not verify');
    const at = new Date(Number(seconds) * 1_000);
    if (at > (newest.get(witness)?.at ?? new Date(-1)))
      newest.set(witness, { verifier: witness, at, line: signature.line });
  }
  return ok([...newest.values()]);
}

/** The note with further signature lines below its own, each once. */
export function withSignatureLines(note: string, lines: readonly string[]): string {
  const present = new Set(note.split('\n'));
  const further = [...new Set(lines)].filter((line) => !present.has(line));
  return note + further.map((line) => `${line}\n`).join('');
}

const signedMessage = (text: string, seconds: bigint): Buffer =>
  Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`, 'utf8');

/** Undefined for what is no cosignature of this version. */
function secondsOf(signature: Uint8Array): bigint | undefined {
  if (signature.length !== timeLength + signatureLength) return undefined;
  const seconds = Buffer.from(signature.buffer, signature.byteOffset, timeLength).readBigUInt64BE();
  return seconds <= latestSecond ? seconds : undefined;
}

const invalid = (detail: string) => err(new AppError('CHECKPOINT_INVALID', detail));
