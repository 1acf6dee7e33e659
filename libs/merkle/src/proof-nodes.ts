import { emptyRoot } from './hashing.js';
import {
  type LeafRange,
  type NodeId,
  type NodeReader,
  foldRight,
  perfectSubtrees,
  rangeRoot,
  splitWidth,
} from './perfect-subtree.js';
import { assertTreeSize } from './tree-size.js';

/** The perfect subtrees whose fold is the root of the tree at `size`; none for the empty tree. */
export function rootNodes(size: number): NodeId[] {
  assertTreeSize(size);
  return perfectSubtrees({ begin: 0, end: size });
}

/** Root of the tree at `size` from stored nodes. */
export function assembleRoot(size: number, get: NodeReader): Buffer {
  const nodes = rootNodes(size);
  return nodes.length === 0 ? Buffer.from(emptyRoot) : foldRight(nodes.map(({ level, index }) => get(level, index)));
}

/**
 * Nodes to read for the inclusion proof of leaf `index` in the tree of `size`, each once. All are perfect subtrees, so a
 * store of completed nodes has them; read them in one query and hand them to `assembleInclusionProof`.
 * Throws RangeError unless 0 ≤ index < size.
 */
export const inclusionProofNodes = (index: number, size: number): NodeId[] =>
  inclusionPath(index, size).flatMap(perfectSubtrees);

/** Inclusion proof, leaf to root (RFC 6962 §2.1.1). Throws RangeError unless 0 ≤ index < size. */
export const assembleInclusionProof = (index: number, size: number, get: NodeReader): Buffer[] =>
  inclusionPath(index, size).map((range) => rangeRoot(range, get));

/** Nodes to read for the consistency proof between two sizes. Throws RangeError unless 0 ≤ first ≤ second. */
export const consistencyProofNodes = (first: number, second: number): NodeId[] =>
  consistencyPath(first, second).flatMap(perfectSubtrees);

/**
 * Consistency proof (RFC 6962 §2.1.2). Empty when the sizes are equal and when `first` is 0, where there is nothing to
 * prove. Throws RangeError unless 0 ≤ first ≤ second.
 */
export const assembleConsistencyProof = (first: number, second: number, get: NodeReader): Buffer[] =>
  consistencyPath(first, second).map((range) => rangeRoot(range, get));

/** PATH(m, D[n]) of RFC 6962 §2.1.1, with ranges of leaves in place of their roots. */
function inclusionPath(index: number, size: number): LeafRange[] {
  assertTreeSize(size);
  assertTreeSize(index);
  if (index >= size) throw new RangeError(`no leaf ${index} in a tree of size ${size}`);
  const path: LeafRange[] = [];
  let [begin, end] = [0, size];
  while (end - begin > 1) {
    const middle = begin + splitWidth(end - begin);
    if (index < middle) {
      path.push({ begin: middle, end });
      end = middle;
    } else {
      path.push({ begin, end: middle });
      begin = middle;
    }
  }
  return path.reverse();
}

/** PROOF(m, D[n]) of RFC 6962 §2.1.2, with ranges of leaves in place of their roots. */
function consistencyPath(first: number, second: number): LeafRange[] {
  assertTreeSize(first);
  assertTreeSize(second);
  if (first > second) throw new RangeError(`a tree of size ${second} has no past of size ${first}`);
  if (first === 0) return [];
  const path: LeafRange[] = [];
  let [begin, end] = [0, second];
  while (end !== first) {
    const middle = begin + splitWidth(end - begin);
    if (first <= middle) {
      path.push({ begin: middle, end });
      end = middle;
    } else {
      path.push({ begin, end: middle });
      begin = middle;
    }
  }
  // The verifier knows the old root. Where the old tree is itself the last range, it need not be told it again.
  if (begin > 0) path.push({ begin, end });
  return path.reverse();
}
