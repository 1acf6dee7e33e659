export * from './checkpoint.js';
export * from './compact-range.js';
export {
  readCoseReceipt,
  signConsistencyReceipt,
  signInclusionReceipt,
  verifyConsistencyReceipt,
  verifyInclusionReceipt,
} from './cose-receipt.js';
export * from './cosignature.js';
export { emptyRoot, hashLength, interiorHash, leafHash } from './hashing.js';
export * from './memory-tree.js';
export type { NodeId, NodeReader } from './perfect-subtree.js';
export * from './multi-proof.js';
export * from './policy.js';
export * from './proof-nodes.js';
export {
  type NoteSigner,
  type NoteVerifier,
  ed25519NoteSigner,
  openNote,
  parseVerifierKey,
  signNote,
  verifierKey,
} from './signed-note.js';
export * from './read-nodes.js';
export * from './tile-builder.js';
export * from './tile.js';
export * from './tlog-proof.js';
export type { TreeIndex } from './tree-size.js';
export * from './verify-proof.js';
export * from './witness.js';
