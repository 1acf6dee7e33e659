import { createHmac } from 'node:crypto';

const blockBytes = 32;
const noSalt = Buffer.alloc(blockBytes);

const hmac = (key: Buffer, ...parts: (Buffer | string)[]): Buffer => {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
};

/** HKDF-Extract with SHA-256 and no salt (RFC 5869 §2.2): once for all keys of one secret. */
export const extract = (secret: Buffer): Buffer => hmac(noSalt, secret);

/**
 * HKDF-Expand (RFC 5869 §2.3), in blocks of 32 bytes. Node's own `hkdfSync` makes a key object and a job for each call,
 * which costs five times the hashing; the log derives several keys an entry.
 */
export function expand(extracted: Buffer, info: string, blocks: number): Buffer[] {
  if (blocks < 1 || blocks > 255) throw new RangeError('HKDF gives 1 to 255 blocks');
  const given: Buffer[] = [];
  let before: Buffer = Buffer.alloc(0);
  for (let block = 1; block <= blocks; block += 1) {
    before = hmac(extracted, before, info, Buffer.of(block));
    given.push(before);
  }
  return given;
}
