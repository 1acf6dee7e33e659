import { asHash, emptyRoot, interiorHash } from './hashing.js';
import { foldRight, perfectSubtrees } from './perfect-subtree.js';
import { assertTreeSize } from './tree-size.js';

/** Called for each perfect subtree that an append completes, leaves (level 0) included, from the leaf upwards. */
export type NodeListener = (level: number, index: number, hash: Buffer) => void;

/**
 * All that an appender must remember of a tree: its size and the roots of the perfect subtrees along its right edge, at
 * most 53 hashes. Appending costs one interior hash on average; entries are never read again.
 */
export class CompactRange {
  private constructor(
    private leaves: number,
    private readonly edge: Buffer[],
  ) {}

  static empty(): CompactRange {
    return new CompactRange(0, []);
  }

  /**
   * Continue from stored state: `hashes` as `hashes` gave them, left to right. Throws RangeError when their number does
   * not fit the size and TypeError when one is no hash: a broken store must stop the appender, not grow another tree.
   */
  static restore(size: number, hashes: readonly Uint8Array[]): CompactRange {
    assertTreeSize(size);
    const expected = perfectSubtrees({ begin: 0, end: size }).length;
    if (hashes.length !== expected) {
      throw new RangeError(`a tree of size ${size} has ${expected} hashes at its right edge, not ${hashes.length}`);
    }
    return new CompactRange(
      size,
      hashes.map((hash) => Buffer.from(asHash(hash))),
    );
  }

  /** Number of leaves. */
  get size(): number {
    return this.leaves;
  }

  /** Right edge for storage, left to right, the largest subtree first. */
  get hashes(): Buffer[] {
    return this.edge.map((hash) => Buffer.from(hash));
  }

  /** An independent copy, so that a batch can be tried and only kept once it is committed. */
  clone(): CompactRange {
    return new CompactRange(this.leaves, [...this.edge]);
  }

  /** Add one leaf. `onNode` learns every node that is final from now on: what a store of nodes or tiles must keep. */
  append(leafHash: Uint8Array, onNode?: NodeListener): void {
    assertTreeSize(this.leaves + 1);
    let hash: Buffer = Buffer.from(asHash(leafHash));
    let index = this.leaves;
    onNode?.(0, index, hash);
    for (let level = 1; index % 2 === 1; level += 1) {
      hash = interiorHash(this.takeRightmost(), hash);
      index = (index - 1) / 2;
      onNode?.(level, index, hash);
    }
    this.edge.push(hash);
    this.leaves += 1;
  }

  /** Root of the tree as it is now (RFC 6962 §2.1). */
  root(): Buffer {
    return Buffer.from(this.leaves === 0 ? emptyRoot : foldRight(this.edge));
  }

  private takeRightmost(): Buffer {
    const hash = this.edge.pop();
    if (hash === undefined) throw new Error('right edge is shorter than the size says');
    return hash;
  }
}
