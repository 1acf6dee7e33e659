import { HmacKey } from './hmac.js';

const blockBytes = 32;
const mostBlocks = 255;
const noSalt = new HmacKey(Buffer.alloc(blockBytes));

/** HKDF-Extract with SHA-256 and no salt (RFC 5869 §2.2): once for all keys of one secret. */
export const extract = (secret: Uint8Array): HmacKey => new HmacKey(noSalt.digest(secret));

/** HKDF-Expand for one purpose, whose name is prepared once. */
export class HkdfInfo {
  private readonly first: Buffer;
  /** The block before, the name, and the number of the block: written over from call to call, which are synchronous. */
  private readonly next: Buffer;

  constructor(info: string) {
    this.first = Buffer.from(`${info}\x01`, 'latin1');
    this.next = Buffer.concat([Buffer.alloc(blockBytes), this.first]);
  }

  /**
   * RFC 5869 §2.3, in blocks of 32 bytes, one after the other. Node's own `hkdfSync` makes a key object and a job for each call,
   * which costs five times the hashing; the log derives several keys an entry.
   */
  expand(extracted: HmacKey, blocks: number): Buffer {
    if (blocks < 1 || blocks > mostBlocks) throw new RangeError('HKDF gives 1 to 255 blocks');
    const { first, next } = this;
    const given = Buffer.allocUnsafe(blocks * blockBytes);
    extracted.digestInto(given, 0, first);
    for (let block = 2; block <= blocks; block += 1) {
      const at = (block - 1) * blockBytes;
      given.copy(next, 0, at - blockBytes, at);
      next[next.length - 1] = block;
      extracted.digestInto(given, at, next);
    }
    return given;
  }
}
