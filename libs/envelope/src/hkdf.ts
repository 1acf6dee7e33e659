import { HmacKey } from './hmac.js';

const blockBytes = 32;
const noSalt = new HmacKey(Buffer.alloc(blockBytes));

/** HKDF-Extract with SHA-256 and no salt (RFC 5869 §2.2): once for all keys of one secret. */
export const extract = (secret: Uint8Array): HmacKey => new HmacKey(noSalt.digest(secret));

/**
 * HKDF-Expand (RFC 5869 §2.3), in blocks of 32 bytes. Node's own `hkdfSync` makes a key object and a job for each call,
 * which costs five times the hashing; the log derives several keys an entry.
 */
export function expand(extracted: HmacKey, info: string, blocks: number): Buffer[] {
  if (blocks < 1 || blocks > 255) throw new RangeError('HKDF gives 1 to 255 blocks');
  const given: Buffer[] = [];
  const first = Buffer.from(`${info}\x01`, 'latin1');
  const next = Buffer.concat([Buffer.alloc(blockBytes), first]);
  let before = extracted.digest(first);
  given.push(before);
  for (let block = 2; block <= blocks; block += 1) {
    next.set(before);
    next[next.length - 1] = block;
    before = extracted.digest(next);
    given.push(before);
  }
  return given;
}
