import type { EntryEvidence, OpenEntry, SealedEntry } from '#envelope';
import type { EntryToSeal, SealedPart } from '../append-entries/prepared-entry.js';

const keyBytes = 32;
const lengthBytes = 4;
/** Lengths of salts, body, wrapped secret and evidence. */
const lengthsOfOne = 4;

/** Open entries in one piece of memory, but for their evidence. */
export interface PackedTexts {
  /** Their canonical bodies, one after the other. */
  readonly texts: Uint8Array<ArrayBuffer>;
  /** Of each the length of its body and the number of its chains. */
  readonly numbers: Uint32Array<ArrayBuffer>;
  readonly evidence: readonly (EntryEvidence | undefined)[];
}

/** Of memory of its own, as `pack`. */
export function packTexts(entries: readonly Pick<EntryToSeal, 'text' | 'chains' | 'evidence'>[]): PackedTexts {
  const numbers = new Uint32Array(2 * entries.length);
  let bytes = 0;
  for (const [at, { text, chains }] of entries.entries()) {
    const length = Buffer.byteLength(text);
    bytes += length;
    numbers[2 * at] = length;
    numbers[2 * at + 1] = chains;
  }
  const texts = Buffer.from(new ArrayBuffer(bytes));
  let end = 0;
  for (const { text } of entries) end += texts.write(text, end);
  return { texts, numbers, evidence: entries.map(({ evidence }) => evidence) };
}

export function unpackTexts({ texts, numbers, evidence: all }: PackedTexts): OpenEntry[] {
  let end = 0;
  return all.map((evidence, at) => {
    const begin = end;
    end += numbers[2 * at] ?? 0;
    return { canonical: texts.subarray(begin, end), chains: numbers[2 * at + 1] ?? 0, ...(evidence && { evidence }) };
  });
}

/**
 * Sealed entries in one piece of memory, which passes from one thread to another without a copy: their number, the lengths of
 * each one's parts, then the parts. All numbers are 32 bits, big-endian.
 */
export function pack(entries: readonly SealedEntry[]): Buffer<ArrayBuffer> {
  const lengths = Buffer.allocUnsafe(lengthBytes * (1 + lengthsOfOne * entries.length));
  const parts: Uint8Array[] = [lengths];
  let at = lengths.writeUInt32BE(entries.length);
  for (const { commitmentKey, commitment, salts, body, wrappedSecret, evidence } of entries) {
    for (const length of [salts.length, body.length, wrappedSecret.length, evidence?.length ?? 0])
      at = lengths.writeUInt32BE(length, at);
    parts.push(commitmentKey, commitment, salts, body, wrappedSecret);
    if (evidence) parts.push(evidence);
  }
  // Of memory of its own: what is cut from Node's pool cannot be given away.
  const packed = Buffer.from(new ArrayBuffer(parts.reduce((sum, { length }) => sum + length, 0)));
  at = 0;
  for (const part of parts) {
    packed.set(part, at);
    at += part.length;
  }
  return packed;
}

/** @param kek id of the key that wrapped the secrets */
export function unpack(bytes: Uint8Array, kek: string): SealedPart[] {
  const packed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = packed.readUInt32BE();
  let lengthAt = lengthBytes;
  let at = lengthBytes * (1 + lengthsOfOne * entries);
  return Array.from({ length: entries }, () => {
    const entry = new PackedEntry(packed, at, lengthAt, kek);
    lengthAt += lengthBytes * lengthsOfOne;
    at = entry.end;
    return entry;
  });
}

/**
 * An entry in the memory in which it came. Its parts are cut out when they are asked for: thousands of entries wait for their
 * commit, and ten objects for each of them are what the garbage collector would move about meanwhile.
 */
class PackedEntry implements SealedPart {
  constructor(
    private readonly packed: Buffer,
    private readonly begin: number,
    private readonly lengths: number,
    readonly kek: string,
  ) {}

  get commitmentKey(): Buffer {
    return this.cut(0, keyBytes);
  }

  get commitment(): Buffer {
    return this.cut(keyBytes, keyBytes);
  }

  get salts(): Buffer {
    return this.cut(2 * keyBytes, this.length(0));
  }

  get body(): Buffer {
    return this.cut(this.bodyAt, this.length(1));
  }

  get wrappedSecret(): Buffer {
    return this.cut(this.bodyAt + this.length(1), this.length(2));
  }

  get evidence(): Buffer | undefined {
    const length = this.length(3);
    return length > 0 ? this.cut(this.bodyAt + this.length(1) + this.length(2), length) : undefined;
  }

  /** Where the next one begins. */
  get end(): number {
    return this.begin + this.bodyAt + this.length(1) + this.length(2) + this.length(3);
  }

  private get bodyAt(): number {
    return 2 * keyBytes + this.length(0);
  }

  private length(part: number): number {
    return this.packed.readUInt32BE(this.lengths + lengthBytes * part);
  }

  private cut(at: number, length: number): Buffer {
    return this.packed.subarray(this.begin + at, this.begin + at + length);
  }
}
