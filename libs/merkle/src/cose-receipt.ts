import { type KeyObject, sign, verify } from 'node:crypto';
import { Tag, cdeDecodeOptions, cdeEncodeOptions, decode, encode } from 'cbor2';
import { AppError, type Result, err, ok } from '#kernel';
import { asHash, isHash } from './hashing.js';
import { assertTreeSize } from './tree-size.js';
import { consistentRoot, includedRoot } from './verify-proof.js';

/** The key that signs receipts: P-256, for ES256. */
export interface ReceiptSigner {
  /** RFC 7638 thumbprint, by which the log's clear leaf of the key is found. */
  readonly kid: string;
  readonly privateKey: KeyObject;
}

/** What a receipt says before its signature was verified. */
export interface CoseReceipt {
  readonly kid: string;
  /** Origin of the log. */
  readonly issuer: string;
  readonly proof: InclusionReceipt | ConsistencyReceipt;
  /** Root that the receipt carries; undefined where it is to be recomputed, as RFC 9942 would have it. */
  readonly payload: Buffer | undefined;
  /** What was signed, without the root. */
  readonly signed: { readonly protected: Uint8Array; readonly signature: Uint8Array };
}

export interface InclusionReceipt {
  readonly kind: 'inclusion';
  readonly size: number;
  readonly index: number;
  readonly path: readonly Buffer[];
}

export interface ConsistencyReceipt {
  readonly kind: 'consistency';
  readonly first: number;
  readonly second: number;
  readonly path: readonly Buffer[];
}

// Labels and values of RFC 9052, RFC 9597 (CWT claims) and RFC 9942.
const algLabel = 1;
const kidLabel = 4;
const cwtClaimsLabel = 15;
const vdsLabel = 395;
const vdpLabel = 396;
const es256 = -7;
const issuerClaim = 1;
const rfc9162Sha256 = 1;
const inclusionLabel = -1;
const consistencyLabel = -2;
const coseSign1Tag = 18;

/** 64 hashes with their lengths, headers and a signature: far below. */
const longestReceipt = 8 * 1024;
const longestPath = 64;

/**
 * COSE receipt (RFC 9942) of an entry's place: COSE_Sign1 over the root, which is detached, so that who verifies must compute
 * it. Throws TypeError or RangeError for what is no proof.
 */
export function signInclusionReceipt(
  origin: string,
  { size, index, path, root }: Omit<InclusionReceipt, 'kind'> & { readonly root: Uint8Array },
  signer: ReceiptSigner,
): Buffer {
  [size, index].forEach(assertTreeSize);
  return signReceipt(origin, inclusionLabel, [size, index, path.map((hash) => plain(asHash(hash)))], root, signer);
}

/** The same for a log that has grown from one size to another. */
export function signConsistencyReceipt(
  origin: string,
  { first, second, path, root }: Omit<ConsistencyReceipt, 'kind'> & { readonly root: Uint8Array },
  signer: ReceiptSigner,
): Buffer {
  [first, second].forEach(assertTreeSize);
  return signReceipt(origin, consistencyLabel, [first, second, path.map((hash) => plain(asHash(hash)))], root, signer);
}

function signReceipt(origin: string, label: number, proof: unknown[], root: Uint8Array, signer: ReceiptSigner): Buffer {
  const header = encode(
    new Map<number, unknown>([
      [algLabel, es256],
      [kidLabel, plain(Buffer.from(signer.kid, 'utf8'))],
      [cwtClaimsLabel, new Map([[issuerClaim, origin]])],
      [vdsLabel, rfc9162Sha256],
    ]),
    cdeEncodeOptions,
  );
  const signature = sign('sha256', toBeSigned(header, asHash(root)), {
    key: signer.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  const proofs = new Map([[vdpLabel, new Map([[label, [encode(proof, cdeEncodeOptions)]]])]]);
  return Buffer.from(encode(new Tag(coseSign1Tag, [header, proofs, null, plain(signature)]), cdeEncodeOptions));
}

/** Reads a receipt with one proof, in deterministic CBOR only. Nothing of it is verified. Errors: RECEIPT_INVALID. */
export function readCoseReceipt(bytes: Uint8Array): Result<CoseReceipt> {
  if (bytes.length > longestReceipt) return invalid('the receipt is too large');
  const tagged = decoded(bytes);
  if (!(tagged instanceof Tag) || Number(tagged.tag) !== coseSign1Tag || !Array.isArray(tagged.contents))
    return invalid('this is no COSE_Sign1');
  const [header, unprotected, payload, signature, ...more] = tagged.contents as unknown[];
  if (!(header instanceof Uint8Array) || !(signature instanceof Uint8Array) || more.length > 0)
    return invalid('this is no COSE_Sign1');
  const headers = decoded(header);
  if (!(headers instanceof Map) || headers.get(algLabel) !== es256 || headers.get(vdsLabel) !== rfc9162Sha256)
    return invalid('this is no receipt of this kind of tree and signature');
  const kid: unknown = headers.get(kidLabel);
  const claims: unknown = headers.get(cwtClaimsLabel);
  const issuer: unknown = claims instanceof Map ? claims.get(issuerClaim) : undefined;
  if (!(kid instanceof Uint8Array) || typeof issuer !== 'string') return invalid('the receipt names no key or no log');
  const proof = readProof(unprotected instanceof Map ? unprotected.get(vdpLabel) : undefined);
  if (!proof) return invalid('the receipt has no proof that is one');
  if (payload !== null && !(payload instanceof Uint8Array && isHash(payload))) return invalid('the root is none');
  return ok({
    kid: Buffer.from(kid).toString('utf8'),
    issuer,
    proof,
    payload: payload === null ? undefined : Buffer.from(payload),
    signed: { protected: header, signature },
  });
}

/**
 * Does the receipt show, by a signature of this key, that the log holds an entry with this leaf hash? Gives the root that it
 * was signed for. Errors: RECEIPT_INVALID.
 */
export function verifyInclusionReceipt(
  receipt: CoseReceipt,
  leafHash: Uint8Array,
  key: KeyObject,
): Result<{ readonly size: number; readonly index: number; readonly root: Buffer }> {
  const { proof } = receipt;
  if (proof.kind !== 'inclusion') return invalid('this is no receipt of inclusion');
  const { size, index } = proof;
  const root = includedRoot({ size, index, leafHash, proof: proof.path });
  const verified = root.ok ? verifyRoot(receipt, root.value, key) : root;
  return verified.ok && root.ok
    ? ok({ size, index, root: Buffer.from(root.value) })
    : invalid('the receipt does not verify');
}

/**
 * Does the receipt show that the log has grown from the tree with this root? Gives the newer root. Errors: RECEIPT_INVALID.
 */
export function verifyConsistencyReceipt(
  receipt: CoseReceipt,
  firstRoot: Uint8Array,
  key: KeyObject,
): Result<{ readonly first: number; readonly second: number; readonly root: Buffer }> {
  const { proof } = receipt;
  if (proof.kind !== 'consistency') return invalid('this is no receipt of consistency');
  const { first, second } = proof;
  const root = consistentRoot({ first, second, firstRoot, proof: proof.path });
  const verified = root.ok ? verifyRoot(receipt, root.value, key) : root;
  return verified.ok && root.ok
    ? ok({ first, second, root: Buffer.from(root.value) })
    : invalid('the receipt does not verify');
}

function verifyRoot({ payload, signed }: CoseReceipt, root: Uint8Array, key: KeyObject): Result<void> {
  if (payload && !payload.equals(root)) return invalid('the receipt carries another root');
  const message = toBeSigned(signed.protected, root);
  return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signed.signature)
    ? ok(undefined)
    : invalid('the signature does not verify');
}

/** Sig_structure of RFC 9052 §4.4, without external data. */
const toBeSigned = (header: Uint8Array, payload: Uint8Array): Uint8Array =>
  encode(['Signature1', plain(header), new Uint8Array(), plain(payload)], cdeEncodeOptions);

function readProof(proofs: unknown): InclusionReceipt | ConsistencyReceipt | undefined {
  if (!(proofs instanceof Map) || proofs.size !== 1) return undefined;
  const [[label, list]] = [...(proofs as Map<unknown, unknown>)] as [[unknown, unknown]];
  if (!Array.isArray(list) || list.length !== 1 || !(list[0] instanceof Uint8Array)) return undefined;
  const value = decoded(list[0]);
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [a, b, hashes] = value as unknown[];
  if (!isSize(a) || !isSize(b) || !Array.isArray(hashes) || hashes.length > longestPath) return undefined;
  if (!hashes.every((hash): hash is Uint8Array => hash instanceof Uint8Array && isHash(hash))) return undefined;
  const path = hashes.map((hash) => Buffer.from(hash));
  if (label === inclusionLabel) return { kind: 'inclusion', size: a, index: b, path };
  return label === consistencyLabel ? { kind: 'consistency', first: a, second: b, path } : undefined;
}

/** To be encoded as a byte string: the encoder takes a Buffer for an object. */
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Undefined for what is not well-formed, or not in the one deterministic encoding. */
function decoded(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, cdeDecodeOptions);
  } catch {
    return undefined;
  }
}

const invalid = (detail: string) => err(new AppError('RECEIPT_INVALID', detail));
