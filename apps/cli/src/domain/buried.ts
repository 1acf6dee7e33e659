import { type IndexRange, type Tombstone, decodeEntry } from '#envelope';

/** What a clear leaf says, where it is a tombstone. */
export function tombstoneIn(entry: Uint8Array): Tombstone | undefined {
  const decoded = decodeEntry(entry);
  const record = decoded.ok && decoded.value.kind === 'clear' ? decoded.value.record : undefined;
  return record?.type === 'tombstone' ? record : undefined;
}

/** The indices that tombstones name. Several may name one: a run that was stopped says it again. */
export class Buried {
  private readonly merged: IndexRange[] = [];

  constructor(named: readonly IndexRange[]) {
    for (const { first, last } of [...named].sort((a, b) => a.first - b.first)) {
      const before = this.merged.at(-1);
      if (before && first <= before.last + 1) before.last = Math.max(before.last, last);
      else this.merged.push({ first, last });
    }
  }

  /** Rising and apart. */
  get ranges(): readonly IndexRange[] {
    return this.merged;
  }

  get count(): number {
    return this.merged.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  has(index: number): boolean {
    let [low, high] = [0, this.merged.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.merged[middle]!.last < index) low = middle + 1;
      else high = middle;
    }
    return (this.merged[low]?.first ?? Infinity) <= index;
  }
}
