import { createHash, hash } from 'node:crypto';

/** Bytes of a SHA-256 hash, the only hash of the tree. */
export const hashLength = 32;

// RFC 6962 §2.1: different first bytes, or an interior node could be passed off as an entry (second preimage).
const leafPrefix = 0x00;
const interiorPrefix = 0x01;

// Reused between calls: hashing is synchronous, and an allocation for each node is what an appender would feel.
const interiorInput = Buffer.alloc(1 + 2 * hashLength, interiorPrefix);

/** Root of the empty tree: SHA-256 of nothing (RFC 6962 §2.1). */
export const emptyRoot: Buffer = createHash('sha256').digest();

/** Hash of an entry as the tree holds it: SHA-256(0x00 ‖ entry), RFC 6962 §2.1. */
export function leafHash(entry: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(1 + entry.length);
  input[0] = leafPrefix;
  input.set(entry, 1);
  return sha256Of(input);
}

/** Hash of a node above two others: SHA-256(0x01 ‖ left ‖ right), RFC 6962 §2.1. Throws unless both are 32 bytes. */
export function interiorHash(left: Uint8Array, right: Uint8Array): Buffer {
  interiorInput.set(asHash(left), 1);
  interiorInput.set(asHash(right), 1 + hashLength);
  return sha256Of(interiorInput);
}

function sha256Of(input: Uint8Array): Buffer {
  const digest = Buffer.allocUnsafe(hashLength);
  // Node gives a digest as a string in half the time in which it makes a Buffer of it.
  digest.write(hash('sha256', input, 'binary'), 'latin1');
  return digest;
}

export const isHash = (value: Uint8Array): boolean => value.length === hashLength;

/** The value itself; throws TypeError unless it has the length of a hash. */
export function asHash<T extends Uint8Array>(value: T): T {
  if (!isHash(value)) throw new TypeError(`a hash has ${hashLength} bytes, not ${value.length}`);
  return value;
}

export const sameHash = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
