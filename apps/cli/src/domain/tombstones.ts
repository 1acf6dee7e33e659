import { type Tombstone, decodeEntry } from '#envelope';

/** The tombstone that an entry in clear is; undefined for every other entry. */
export function tombstoneIn(entry: Uint8Array): Tombstone | undefined {
  const decoded = decodeEntry(entry);
  if (!decoded.ok || decoded.value.kind !== 'clear') return undefined;
  return decoded.value.record.type === 'tombstone' ? decoded.value.record : undefined;
}

export const covers = ({ indices }: Tombstone, index: number): boolean =>
  indices.some(({ first, last }) => first <= index && index <= last);
