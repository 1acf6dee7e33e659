import type { EntryEvidence, OpenEntry, SealedEntry } from '#envelope';

const keyBytes = 32;
const lengthBytes = 4;
/** Number of salts; lengths of body, wrapped secret and evidence. */
const lengthsOfOne = 4;

/** Open entries in one piece of memory, but for their evidence. */
export interface PackedTexts {
  /** Their canonical bodies, one after the other. */
  readonly texts: Uint8Array<ArrayBuffer>;
  /** Of each the length of its body and the number of its chains. */
  readonly numbers: Uint32Array<ArrayBuffer>;
  readonly evidence: readonly (EntryEvidence | undefined)[];
}

export function packTexts(entries: readonly OpenEntry[]): PackedTexts {
  const texts = new Uint8Array(entries.reduce((sum, { canonical }) => sum + canonical.length, 0));
  const numbers = new Uint32Array(2 * entries.length);
  let end = 0;
  for (const [at, { canonical, chains }] of entries.entries()) {
    texts.set(canonical, end);
    end += canonical.length;
    numbers[2 * at] = canonical.length;
    numbers[2 * at + 1] = chains;
  }
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
    parts.push(commitmentKey, commitment, ...salts, body, wrappedSecret);
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

export function unpack(bytes: Uint8Array): SealedEntry[] {
  const packed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = packed.readUInt32BE();
  let lengthAt = lengthBytes;
  let at = lengthBytes * (1 + lengthsOfOne * entries);
  const nextLength = (): number => packed.readUInt32BE((lengthAt += lengthBytes) - lengthBytes);
  const take = (length: number): Buffer => packed.subarray(at, (at += length));
  return Array.from({ length: entries }, () => {
    const [salts, body, wrapped, evidence] = [nextLength(), nextLength(), nextLength(), nextLength()];
    return {
      commitmentKey: take(keyBytes),
      commitment: take(keyBytes),
      salts: Array.from({ length: salts }, () => take(keyBytes)),
      body: take(body),
      wrappedSecret: take(wrapped),
      ...(evidence > 0 && { evidence: take(evidence) }),
    };
  });
}
