import type { CompactRange } from '#merkle';

/** Leaves kept in memory: 32 bytes each. */
const KEPT = 8_192;

/** The last stretch of the tree, so that the root of a recent size can be told without asking the hub. */
export class RecentTree {
  private leaves: Buffer[] = [];

  /** @param base the tree before the stretch; it is taken over */
  constructor(private readonly base: CompactRange) {}

  append(leaves: readonly Buffer[]): void {
    this.leaves.push(...leaves);
    if (this.leaves.length < 2 * KEPT) return;
    for (const leaf of this.leaves.splice(0, this.leaves.length - KEPT)) this.base.append(leaf);
  }

  /** Undefined for a size before or beyond the stretch. */
  rootAt(size: number): Buffer | undefined {
    const count = size - this.base.size;
    if (count < 0 || count > this.leaves.length) return undefined;
    const range = this.base.clone();
    for (const leaf of this.leaves.slice(0, count)) range.append(leaf);
    return range.root();
  }
}
