import { hash } from 'node:crypto';
import { HashInput } from './hash-input.js';

const hashBytes = 32;
const blockBytes = 64;

// Reused between calls, which are synchronous. Node's Hmac and Buffer objects cost more than the hashing of short texts.
const innerInput = new HashInput();
const outerInput = new HashInput();

/** A key of HMAC-SHA-256 (RFC 2104) for several short texts: the log computes eight an entry. */
export class HmacKey {
  private readonly inner = new Uint8Array(blockBytes).fill(0x36);
  private readonly outer = new Uint8Array(blockBytes).fill(0x5c);

  /** @param key of at most 64 bytes; throws TypeError for a longer one */
  constructor(key: Uint8Array) {
    if (key.length > blockBytes) throw new TypeError(`the key has more than ${blockBytes} bytes`);
    for (let at = 0; at < key.length; at += 1) {
      this.inner[at] = key[at]! ^ 0x36;
      this.outer[at] = key[at]! ^ 0x5c;
    }
  }

  digest(text: Uint8Array): Buffer {
    const digest = Buffer.allocUnsafe(hashBytes);
    this.digestInto(digest, 0, text);
    return digest;
  }

  /** Into 32 bytes of `target`. */
  digestInto(target: Buffer, at: number, text: Uint8Array): void {
    target.write(this.digestText(text), at, 'latin1');
  }

  private digestText(text: Uint8Array): string {
    const inner = hash('sha256', innerInput.clear().bytes(this.inner).bytes(text).written, 'binary');
    return hash('sha256', outerInput.clear().bytes(this.outer).latin1(inner).written, 'binary');
  }
}
