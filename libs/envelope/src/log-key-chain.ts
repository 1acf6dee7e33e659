import { createPublicKey } from 'node:crypto';
import { AppError, type Result, type Thumbprint, err, ok } from '#kernel';
import {
  type LogKeyInUse,
  type LogKeys,
  leafHash,
  parseProof,
  parseVerifierKey,
  verifierKey,
  verifyProof,
} from '#merkle';
import { type PublicJwk, thumbprintOf } from './keys.js';
import { type ClearRecord, decodeEntry } from './log-entry.js';
import { type LoggedHubKey, LoggedKeys } from './logged-keys.js';
import { readStatement } from './statements.js';

/** A key of the log, with the sizes of the checkpoints for which it counts and the times at which the log said so. */
export interface ChainedLogKey extends LogKeyInUse {
  /** C2SP verifier key. */
  readonly verifierKey: string;
  /** Undefined for a configured key of which the log says nothing. */
  readonly logged?: LoggedHubKey;
}

/** All keys that a log has had, as who trusts one of them finds them. The object stays the same while the keys do. */
export interface LogKeyChain extends LogKeys {
  readonly keys: readonly ChainedLogKey[];
}

/**
 * The keys that the log's clear leaves tell, for who trusts `anchor`. The first one counts from the beginning, each later one
 * from the checkpoint that covers its announcement; a retired or withdrawn one for no checkpoint that covers its end. Where the log
 * does not name the anchor, that counts alone. Errors: CHECKPOINT_INVALID where the anchor is no verifier key.
 */
export function logKeyChain(anchor: string, logged: readonly LoggedHubKey[] = []): Result<LogKeyChain> {
  const verifier = parseVerifierKey(anchor);
  if (!verifier.ok) return verifier;
  const { name } = verifier.value;
  const keys = logged.map((key, at): ChainedLogKey => {
    const text = verifierKeyOf(name, key.jwk);
    const parsed = parseVerifierKey(text);
    if (!parsed.ok) throw parsed.error;
    return {
      verifierKey: text,
      verifier: parsed.value,
      from: at === 0 ? 0 : key.leafIndex + 1,
      until: key.retired?.leafIndex ?? Number.MAX_SAFE_INTEGER,
      logged: key,
    };
  });
  if (keys.some((key) => key.verifierKey === anchor)) return ok({ name, keys });
  const alone = { verifierKey: anchor, verifier: verifier.value, from: 0, until: Number.MAX_SAFE_INTEGER };
  return ok({ name, keys: [alone] });
}

/** Of a logged key. Throws TypeError for another kind of key than Ed25519. */
const verifierKeyOf = (name: string, { kty, crv, x }: PublicJwk): string =>
  verifierKey(name, createPublicKey({ key: { kty, crv, x }, format: 'jwk' }));

/** A clear leaf about a log key with the proof that it stands in the log: what the log shows beside its checkpoint. */
export interface LogKeyLink {
  readonly entry: Uint8Array;
  /** A proof file (C2SP tlog-proof). */
  readonly proof: string;
}

/** The file beside the checkpoint that holds the links, in the order of the log. */
export const logKeysFile = 'log-keys.json';
const mostLinks = 1_000;

/** JSON array of `{ entry, proof }`, the entry in base64. */
export const formatLogKeyLinks = (links: readonly LogKeyLink[]): string =>
  `${JSON.stringify(
    links.map(({ entry, proof }) => ({ entry: Buffer.from(entry).toString('base64'), proof })),
    undefined,
    2,
  )}\n`;

/** Errors: CHECKPOINT_INVALID. */
export function parseLogKeyLinks(text: string): Result<LogKeyLink[]> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return invalid('the file of log keys is no JSON');
  }
  if (!Array.isArray(value) || value.length > mostLinks) return invalid('the file of log keys is no list');
  const links: LogKeyLink[] = [];
  for (const link of value as unknown[]) {
    const { entry, proof } = (typeof link === 'object' && link !== null ? link : {}) as Record<string, unknown>;
    if (typeof entry !== 'string' || typeof proof !== 'string') return invalid('a link of the log keys is malformed');
    links.push({ entry: Buffer.from(entry, 'base64'), proof });
  }
  return ok(links);
}

/**
 * Follows the links from a key that is trusted to all the others, in both directions: each announcement stands under one
 * checkpoint that is signed by the key before and by the new one, each retirement under one of its successor, each withdrawal
 * under one of the key before. What it does not
 * show is that the list goes on to the newest key, or that no retirement was left out: the log's entries do.
 * Errors: CHECKPOINT_INVALID, KEY_UNTRUSTED, RECEIPT_INVALID.
 */
export async function followLogKeys(anchor: string, links: readonly LogKeyLink[]): Promise<Result<LogKeyChain>> {
  const known = new LoggedKeys();
  const claims: Claim[] = [];
  for (const link of links) {
    const claim = await read(link, known.logKeys());
    if (!claim.ok) return claim;
    if (claim.value.index <= (claims.at(-1)?.index ?? -1)) return invalid('the links are not in the order of the log');
    claims.push(claim.value);
    const applied = await known.apply(claim.value.record, claim.value.index);
    if (!applied.ok) return applied;
    if (applied.value.type === 'known') return invalid('the log keys are announced twice');
  }
  const chain = logKeyChain(anchor, known.logKeys());
  if (!chain.ok || links.length === 0) return chain;
  const { name, keys } = chain.value;
  for (const { link, signers } of claims) {
    const proof = parseProof(link.proof);
    if (!proof.ok) return proof;
    for (const kid of signers) {
      const signer = keys.filter(({ logged }) => logged?.kid === kid);
      const proved = verifyProof(proof.value, leafHash(link.entry), { name, keys: signer });
      if (!proved.ok) return proved;
    }
  }
  // Every pair of neighbours is joined by now: whoever trusts one of them trusts all.
  return keys.some(({ logged }) => logged === undefined)
    ? invalid('the log keys do not lead to the one that is trusted')
    : chain;
}

interface Claim {
  readonly link: LogKeyLink;
  readonly index: number;
  readonly record: ClearRecord;
  /** Who must have signed the checkpoint over it. */
  readonly signers: readonly Thumbprint[];
}

async function read(link: LogKeyLink, known: readonly LoggedHubKey[]): Promise<Result<Claim>> {
  const proof = parseProof(link.proof);
  if (!proof.ok) return proof;
  const index = Number(proof.value.index);
  const decoded = decodeEntry(link.entry);
  const record = decoded.ok && decoded.value.kind === 'clear' ? decoded.value.record : undefined;
  if (record?.type !== 'hub-key' || !Number.isSafeInteger(index)) return invalid('a link is no entry about a log key');
  const statement = readStatement('hub-key', record.record);
  if (!statement.ok) return statement;
  const { service, use, jwk, retires, withdraws } = statement.value.payload;
  if (service !== 'audit' || use !== 'log') return invalid('a link is no entry about a log key');
  const newest = known.findLast(({ retired }) => retired === undefined);
  const announces = retires === undefined && withdraws === undefined;
  const signers = [await thumbprintOf(jwk), ...(announces && newest ? [newest.kid] : [])];
  return ok({ link, index, record, signers });
}

const invalid = (detail: string) => err(new AppError('CHECKPOINT_INVALID', detail));
