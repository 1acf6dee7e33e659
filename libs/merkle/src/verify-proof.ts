import { AppError, type Result, err, ok } from '#kernel';
import { interiorHash, isHash, sameHash } from './hashing.js';
import { type TreeIndex, asUint64 } from './tree-size.js';

export interface InclusionClaim {
  readonly index: TreeIndex;
  /** Size that the checkpoint states beside the root: a root alone does not fix it. */
  readonly size: TreeIndex;
  /** Computed by the verifier from the entry: a hash that came along could be that of an interior node. */
  readonly leafHash: Uint8Array;
  /** Leaf to root. */
  readonly proof: readonly Uint8Array[];
  /** Root of a checkpoint whose signature was verified. */
  readonly root: Uint8Array;
}

export interface ConsistencyClaim {
  /** Sizes that the two checkpoints state beside their roots: a root alone does not fix its size. */
  readonly first: TreeIndex;
  readonly second: TreeIndex;
  /** Root that the verifier already trusts. */
  readonly firstRoot: Uint8Array;
  readonly secondRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * Does the tree of `size` leaves under `root` hold `leafHash` at `index`? (RFC 6962 §2.1.1, RFC 9162 §2.1.3.2)
 * Everything but the root may be chosen by an attacker: index and size are taken as 64-bit integers and decide alone how
 * many hashes the proof must have, so that no hash is left over or passed off as one of another level.
 * Errors: RECEIPT_INVALID.
 */
export function verifyInclusion(claim: InclusionClaim): Result<void> {
  const root = includedRoot(claim);
  if (!root.ok) return root;
  return sameHash(root.value, claim.root) ? ok(undefined) : notIncluded('the proof leads to another root');
}

/** The root to which the proof leads, for who verifies a signature over it. Errors: RECEIPT_INVALID. */
export function includedRoot(claim: Omit<InclusionClaim, 'root'>): Result<Uint8Array> {
  const index = asUint64(claim.index);
  const size = asUint64(claim.size);
  if (index === undefined || size === undefined || index >= size) return notIncluded('no such leaf in that tree');
  if (!isHash(claim.leafHash) || !claim.proof.every(isHash)) return notIncluded('a hash has another length');
  const { inner, border } = pathShape(index, size);
  if (claim.proof.length !== inner + border) return notIncluded('the proof has another length');

  const subtree = climbInner(claim.leafHash, claim.proof.slice(0, inner), index);
  return ok(climbBorder(subtree, claim.proof.slice(inner)));
}

/**
 * Is the tree of `second` leaves an extension of the tree of `first` leaves? (RFC 6962 §2.1.2, RFC 9162 §2.1.4.2)
 * From the empty tree there is nothing to prove, and `first` = 0 is refused rather than passed: else an attacker could
 * name size 0 and have any root accepted. Who has a signed checkpoint of the empty log uses `verifyGrowth`.
 * Errors: LOG_INCONSISTENT.
 */
export function verifyConsistency(claim: ConsistencyClaim): Result<void> {
  const secondRoot = consistentRoot(claim);
  if (!secondRoot.ok) return secondRoot;
  return sameHash(secondRoot.value, claim.secondRoot)
    ? ok(undefined)
    : inconsistent('the proof leads to another second root');
}

/** The second root to which the proof leads from the first one. Errors: LOG_INCONSISTENT. */
export function consistentRoot(claim: Omit<ConsistencyClaim, 'secondRoot'>): Result<Uint8Array> {
  const first = asUint64(claim.first);
  const second = asUint64(claim.second);
  if (first === undefined || second === undefined || first > second) return inconsistent('sizes are not in order');
  if (first === 0n) return inconsistent('the empty tree proves nothing');
  if (first === second) {
    if (claim.proof.length > 0) return inconsistent('the proof has another length');
    return ok(claim.firstRoot);
  }
  if (!isHash(claim.firstRoot) || !claim.proof.every(isHash)) return inconsistent('a hash has another length');

  // The walk starts at the last perfect subtree of the old tree; if that is the whole old tree, its root is known.
  const skipped = trailingZeros(first);
  const firstIsPerfect = first === 1n << BigInt(skipped);
  const [seed, ...path] = firstIsPerfect ? [claim.firstRoot, ...claim.proof] : claim.proof;
  const shape = pathShape(first - 1n, second);
  const inner = shape.inner - skipped;
  if (seed === undefined || path.length !== inner + shape.border) return inconsistent('the proof has another length');

  const start = (first - 1n) >> BigInt(skipped);
  const innerPath = path.slice(0, inner);
  const borderPath = path.slice(inner);
  const firstRoot = climbBorder(climbInnerLeftOnly(seed, innerPath, start), borderPath);
  if (!sameHash(firstRoot, claim.firstRoot)) return inconsistent('the proof leads to another first root');
  return ok(climbBorder(climbInner(seed, innerPath, start), borderPath));
}

/**
 * How long the path from a leaf is: `inner` levels until it joins the right edge of the tree, where the sibling may lie
 * on either side, then `border` levels along the edge, where it always lies to the left.
 */
function pathShape(index: bigint, size: bigint): { inner: number; border: number } {
  const inner = bitLength(index ^ (size - 1n));
  return { inner, border: onesIn(index >> BigInt(inner)) };
}

const isRightChild = (index: bigint, level: number): boolean => ((index >> BigInt(level)) & 1n) === 1n;

const climbInner = (seed: Uint8Array, path: readonly Uint8Array[], index: bigint): Uint8Array =>
  path.reduce(
    (node, sibling, level) => (isRightChild(index, level) ? interiorHash(sibling, node) : interiorHash(node, sibling)),
    seed,
  );

/** As `climbInner`, but blind to siblings on the right: they did not exist in the old tree. */
const climbInnerLeftOnly = (seed: Uint8Array, path: readonly Uint8Array[], index: bigint): Uint8Array =>
  path.reduce((node, sibling, level) => (isRightChild(index, level) ? interiorHash(sibling, node) : node), seed);

const climbBorder = (seed: Uint8Array, path: readonly Uint8Array[]): Uint8Array =>
  path.reduce((node, sibling) => interiorHash(sibling, node), seed);

const bitLength = (value: bigint): number => (value === 0n ? 0 : value.toString(2).length);
const onesIn = (value: bigint): number => value.toString(2).replaceAll('0', '').length;
const trailingZeros = (value: bigint): number => bitLength(value & -value) - 1;

const notIncluded = (detail: string) => err(new AppError('RECEIPT_INVALID', detail));
const inconsistent = (detail: string) => err(new AppError('LOG_INCONSISTENT', detail));
