import { randomBytes } from 'node:crypto';
import { commitmentKeyFrom, extracted, keyBytes, sealingKeyFrom } from './entry-keys.js';
import { placeSaltsFrom } from './entry-places.js';
import { HmacKey } from './hmac.js';
import type { KeyEncryptionKey } from './key-encryption-key.js';
import { type EntryEvidence, sealEvidence } from './log-entry.js';
import { nonceBytes, sealBytes } from './sealed-bytes.js';

/** An entry's body with what is kept beside it, ready to be sealed. */
export interface OpenEntry {
  /** Its body as `canonicalBody` has it, in UTF-8. */
  readonly canonical: Uint8Array;
  /** Number of chains in which it gets a place. */
  readonly chains: number;
  /** The signed statements that the body names, where they are kept. */
  readonly evidence?: EntryEvidence;
}

/** What an entry has of its body and its secret. */
export interface SealedEntry {
  /** Of the secret, for those who get a receipt. Never stored. */
  readonly commitmentKey: Buffer;
  readonly commitment: Buffer;
  /** As `placeSaltsOf`. */
  readonly salts: Buffer;
  /** Its canonical text, under a key of its own (`sealingKeyOf`). */
  readonly body: Buffer;
  readonly wrappedSecret: Buffer;
  /** As `sealEvidence`. */
  readonly evidence?: Buffer;
}

/** Each under a new secret of its own, which only the key-encryption key opens again: the log's hottest step. */
export function sealEntries(entries: readonly OpenEntry[], kek: Pick<KeyEncryptionKey, 'wrapAll'>): SealedEntry[] {
  const secrets = randomPieces(entries.length, keyBytes);
  const nonces = randomPieces(entries.length, nonceBytes);
  const wrapped = kek.wrapAll(secrets);
  return entries.map(({ canonical, chains, evidence }, at) => {
    const secret = secrets[at]!;
    const from = extracted(secret);
    const commitmentKey = commitmentKeyFrom(from);
    return {
      commitmentKey,
      commitment: new HmacKey(commitmentKey).digest(canonical),
      salts: placeSaltsFrom(from, chains),
      body: sealBytes(canonical, sealingKeyFrom(from), nonces[at]),
      wrappedSecret: wrapped[at]!,
      ...(evidence && { evidence: sealEvidence(evidence, secret) }),
    };
  });
}

/** Asked for once: the generator costs by the call more than by the byte. */
function randomPieces(count: number, bytes: number): Buffer[] {
  const random = randomBytes(count * bytes);
  return Array.from({ length: count }, (_, at) => random.subarray(at * bytes, (at + 1) * bytes));
}
