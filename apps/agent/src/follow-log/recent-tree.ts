import type { CompactRange } from '#merkle';

/** Leaves kept in memory: 32 bytes each. */
const KEPT = 8_192;
/** One range kept for so many leaves: a root costs at most so many hashes, however long the stretch is. */
const STEP = 64;

/** The last stretch of the tree, so that the root of a recent size can be told without asking the hub. */
export class RecentTree {
  private leaves: Buffer[] = [];
  /** The tree before the stretch, then after each `STEP` leaves of it. */
  private readonly ranges: CompactRange[];
  private readonly whole: CompactRange;

  /** @param base the tree before the stretch; it is taken over */
  constructor(base: CompactRange) {
    this.ranges = [base];
    this.whole = base.clone();
  }

  append(leaves: readonly Buffer[]): void {
    for (const leaf of leaves) {
      this.leaves.push(leaf);
      this.whole.append(leaf);
      if (this.leaves.length % STEP === 0) this.ranges.push(this.whole.clone());
    }
    if (this.leaves.length < 2 * KEPT) return;
    const steps = Math.floor((this.leaves.length - KEPT) / STEP);
    this.leaves.splice(0, steps * STEP);
    this.ranges.splice(0, steps);
  }

  /** Undefined for a size before or beyond the stretch. */
  rootAt(size: number): Buffer | undefined {
    const [base] = this.ranges;
    const count = size - (base?.size ?? 0);
    if (count < 0 || count > this.leaves.length) return undefined;
    const steps = Math.floor(count / STEP);
    const range = this.ranges[steps]?.clone();
    for (const leaf of this.leaves.slice(steps * STEP, count)) range?.append(leaf);
    return range?.root();
  }
}
