import { CompactRange } from './compact-range.js';
import { type NodeReader } from './perfect-subtree.js';
import { assembleConsistencyProof, assembleInclusionProof, assembleRoot } from './proof-nodes.js';

/** A whole tree in memory (64 bytes a leaf): for agents that recompute an export, for the cli and for tests. */
export class MemoryTree {
  private readonly edge = CompactRange.empty();
  private readonly levels: Buffer[][] = [];

  static of(leafHashes: Iterable<Uint8Array>): MemoryTree {
    const tree = new MemoryTree();
    for (const leafHash of leafHashes) tree.append(leafHash);
    return tree;
  }

  get size(): number {
    return this.edge.size;
  }

  /** Adds one leaf and returns its index. */
  append(leafHash: Uint8Array): number {
    const index = this.size;
    this.edge.append(leafHash, (level, _index, hash) => (this.levels[level] ??= []).push(hash));
    return index;
  }

  /** Root now, or as it was at an earlier size. Throws RangeError beyond the present size. */
  root(size: number = this.size): Buffer {
    this.assertReached(size);
    return assembleRoot(size, this.node);
  }

  /** Throws RangeError unless index < size ≤ present size. */
  inclusionProof(index: number, size: number = this.size): Buffer[] {
    this.assertReached(size);
    return assembleInclusionProof(index, size, this.node);
  }

  /** Throws RangeError unless first ≤ second ≤ present size. */
  consistencyProof(first: number, second: number = this.size): Buffer[] {
    this.assertReached(second);
    return assembleConsistencyProof(first, second, this.node);
  }

  /** Hash of a completed perfect subtree. Throws RangeError where there is none. */
  readonly node: NodeReader = (level, index) => {
    const hash = this.levels[level]?.[index];
    if (hash === undefined) throw new RangeError(`no node ${level}/${index} in a tree of size ${this.size}`);
    return hash;
  };

  private assertReached(size: number): void {
    if (size > this.size) throw new RangeError(`the tree has ${this.size} leaves, not ${size}`);
  }
}
