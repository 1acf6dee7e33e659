import type { PreparedEntry } from './prepared-entry.js';

/** An entry with its place in the log and in the chains of its parties and subjects. */
export interface PlacedEntry {
  readonly prepared: PreparedEntry;
  readonly leafIndex: number;
  /** What the tree hashes. */
  readonly entry: Buffer;
  readonly leafHash: Buffer;
  /** What the leaf says of the places; none where the entry is in clear. */
  readonly placesHash: Buffer | undefined;
}
