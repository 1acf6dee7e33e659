import { type Cipher, type Decipher, KeyObject, createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import { AppError, type Result, err, isSha256, ok, sha256 } from '#kernel';

/** Initial value of AES key wrap (RFC 3394 §2.2.3.1): a wrong key or a changed byte does not unwrap. */
const initialValue = Buffer.from('A6A6A6A6A6A6A6A6', 'hex');
const keyBytes = 32;

/** Wraps the secrets of log entries: AES-256 key wrap, RFC 3394, which needs no nonce and so knows no limit of uses. */
export class KeyEncryptionKey {
  /** Names the key in each row, so that rows under an older one can be told. */
  readonly id: string;
  /** Can be lent to a thread, as its bytes stay where they are. */
  readonly key: KeyObject;

  /** AES of single blocks, never ended. */
  private blocks: Cipher | undefined;
  private inverse: Decipher | undefined;

  constructor(key: Buffer | KeyObject) {
    this.key = key instanceof KeyObject ? key : createSecretKey(key);
    if (this.key.symmetricKeySize !== keyBytes) throw new TypeError('a key-encryption key has 32 bytes');
    const named = Buffer.concat([Buffer.from('kotovayla-entry-kek-id\0'), this.key.export()]);
    this.id = sha256(named).slice(0, 8);
  }

  /** From its JWK (`oct`, A256KW); undefined for anything else. */
  static fromJwk(jwk: unknown): KeyEncryptionKey | undefined {
    const key = keyOf(jwk);
    return key && new KeyEncryptionKey(key);
  }

  wrap(secret: Buffer): Buffer {
    const cipher = createCipheriv('id-aes256-wrap', this.key, initialValue);
    return Buffer.concat([cipher.update(secret), cipher.final()]);
  }

  /**
   * Each as `wrap` does it, all together: step by step of RFC 3394 §2.2.1 over all of them at once, because a cipher object
   * for each costs ten times its work.
   */
  wrapAll(secrets: readonly Buffer[]): Buffer[] {
    this.blocks ??= createCipheriv('aes-256-ecb', this.key, null);
    return wrapTogether(secrets, this.blocks);
  }

  /** Errors: LEAF_MISMATCH (another key, or changed). */
  unwrap(wrapped: Uint8Array): Result<Buffer> {
    try {
      const decipher = createDecipheriv('id-aes256-wrap', this.key, initialValue);
      return ok(Buffer.concat([decipher.update(wrapped), decipher.final()]));
    } catch {
      return err(new AppError('LEAF_MISMATCH', 'the secret of the entry does not unwrap'));
    }
  }

  /** Secrets of 32 bytes as `unwrap` does it, all together, for the reason of `wrapAll`; undefined for what gives none. */
  unwrapAll(wrapped: readonly Uint8Array[]): (Buffer | undefined)[] {
    // Without padding each block comes out at once.
    this.inverse ??= createDecipheriv('aes-256-ecb', this.key, null).setAutoPadding(false);
    return unwrapTogether(wrapped, this.inverse);
  }
}

/** A secret as it is stored: wrapped under the key of that id. */
export interface WrappedSecret {
  readonly wrapped: Uint8Array;
  readonly kek: string;
}

/** Each under the key that wrapped it; undefined for one that does not unwrap, or whose key is not among these. */
export function unwrapSecrets(all: readonly WrappedSecret[], keys: Iterable<KeyEncryptionKey>): (Buffer | undefined)[] {
  const secrets = new Array<Buffer | undefined>(all.length).fill(undefined);
  for (const key of keys) {
    const places = [...all.keys()].filter((at) => all[at]?.kek === key.id);
    const opened = key.unwrapAll(places.map((at) => all[at]!.wrapped));
    for (const [nth, at] of places.entries()) secrets[at] = opened[nth];
  }
  return secrets;
}

/** 32 bytes in base64url have the form of a SHA-256. */
function keyOf(jwk: unknown): Buffer | undefined {
  if (typeof jwk !== 'object' || jwk === null || !('k' in jwk) || !isSha256(jwk.k)) return undefined;
  return Buffer.from(jwk.k, 'base64url');
}

const rounds = 6;
/** 64-bit halves of a secret, each of two 32-bit words. */
const halves = keyBytes / 8;
const wordsOfBlock = 4;
/** A ‖ R[1] … R[n] of RFC 3394. */
const wordsOfOne = 2 * (1 + halves);

/** RFC 3394 §2.2.1 over all secrets at once. A and R[i] are there in words of 32 bits, in the order of the bytes. */
function wrapTogether(secrets: readonly Buffer[], cipher: Cipher): Buffer[] {
  const state = new Uint32Array(wordsOfOne * secrets.length);
  const bytes = Buffer.from(state.buffer);
  for (const [at, secret] of secrets.entries()) {
    if (secret.length !== keyBytes) throw new TypeError('what is wrapped has 32 bytes');
    bytes.set(initialValue, 4 * wordsOfOne * at);
    bytes.set(secret, 4 * wordsOfOne * at + initialValue.length);
  }
  const input = new Uint32Array(wordsOfBlock * secrets.length);
  for (let step = 0; step < rounds * halves; step += 1) {
    const register = 2 * (1 + (step % halves));
    takeBlocks(state, register, input);
    putBlocks(cipher.update(new Uint8Array(input.buffer)), state, register);
    addStep(bytes, step + 1);
  }
  return secrets.map((_, at) => bytes.subarray(4 * wordsOfOne * at, 4 * wordsOfOne * (at + 1)));
}

/** RFC 3394 §2.2.2 over all of them at once. */
function unwrapTogether(wrapped: readonly Uint8Array[], decipher: Decipher): (Buffer | undefined)[] {
  const state = new Uint32Array(wordsOfOne * wrapped.length);
  const bytes = Buffer.from(state.buffer);
  const isWhole = (one: Uint8Array): boolean => one.length === 4 * wordsOfOne;
  for (const [at, one] of wrapped.entries()) if (isWhole(one)) bytes.set(one, 4 * wordsOfOne * at);
  const input = new Uint32Array(wordsOfBlock * wrapped.length);
  for (let step = rounds * halves - 1; step >= 0; step -= 1) {
    const register = 2 * (1 + (step % halves));
    addStep(bytes, step + 1);
    takeBlocks(state, register, input);
    putBlocks(decipher.update(new Uint8Array(input.buffer)), state, register);
  }
  return wrapped.map((one, at) => {
    const unwrapped = bytes.subarray(4 * wordsOfOne * at, 4 * wordsOfOne * (at + 1));
    const [check, secret] = [unwrapped.subarray(0, initialValue.length), unwrapped.subarray(initialValue.length)];
    return isWhole(one) && check.equals(initialValue) ? secret : undefined;
  });
}

/** A and R[i] of each, as one block. */
function takeBlocks(state: Uint32Array, register: number, input: Uint32Array): void {
  for (let a = 0, block = 0; block < input.length; a += wordsOfOne, block += wordsOfBlock) {
    input[block] = state[a]!;
    input[block + 1] = state[a + 1]!;
    input[block + 2] = state[a + register]!;
    input[block + 3] = state[a + register + 1]!;
  }
}

function putBlocks(blocks: Buffer, state: Uint32Array, register: number): void {
  const output = new Uint32Array(blocks.buffer, blocks.byteOffset, blocks.length / 4);
  for (let a = 0, block = 0; block < output.length; a += wordsOfOne, block += wordsOfBlock) {
    state[a] = output[block]!;
    state[a + 1] = output[block + 1]!;
    state[a + register] = output[block + 2]!;
    state[a + register + 1] = output[block + 3]!;
  }
}

/** The step's number into each A: a 64-bit integer whose last byte alone is ever set. */
function addStep(bytes: Buffer, step: number): void {
  for (let last = 7; last < bytes.length; last += 4 * wordsOfOne) bytes[last]! ^= step;
}
