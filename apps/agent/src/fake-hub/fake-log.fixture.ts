import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto';
import {
  type ClearRecord,
  commitmentKeyOf,
  decodeEntry,
  encodeClearEntry,
  encodeOpaqueEntry,
  generateSigningKey,
  type HubKeyRecord,
  type LogBody,
  type LogKeyLink,
  newEntrySecret,
  type PublicJwk,
  type Receipt,
  signStatement,
  thumbprintOf,
} from '#envelope';
import { canonicalJson, newEventId, numericDate } from '#kernel';
import {
  ed25519NoteSigner,
  formatCheckpoint,
  formatProof,
  leafHash,
  MemoryTree,
  type NoteSigner,
  signCheckpoint,
  verifierKey,
} from '#merkle';

export const LOG_ORIGIN = 'log.test.example/kotovayla';

export interface AppendedLeaf {
  readonly index: number;
  /** Canonical JSON. */
  readonly body: string;
  readonly commitmentKey: Buffer;
}

/** A log as audit keeps one: entries, tree and signed checkpoints, in memory. */
export class FakeLog {
  readonly tree = new MemoryTree();
  readonly entries: Buffer[] = [];
  private signers: [NoteSigner, ...NoteSigner[]];
  private logKeys: FakeLogKey[] = [];
  /** As the log shows beside its checkpoint. */
  readonly keyLinks: LogKeyLink[] = [];

  /** @param keys those of another branch of the same log */
  constructor(readonly keys = generateKeyPairSync('ed25519')) {
    this.signers = [ed25519NoteSigner(LOG_ORIGIN, keys.privateKey)];
  }

  get verifierKey(): string {
    return verifierKey(LOG_ORIGIN, this.keys.publicKey);
  }

  append(body: Omit<LogBody, 'v' | 'eventId' | 'at'>): AppendedLeaf {
    const whole: LogBody = { v: 1, eventId: newEventId(), at: new Date().toISOString(), ...body };
    const commitmentKey = commitmentKeyOf(newEntrySecret());
    const index = this.put(encodeOpaqueEntry(whole.eventId, whole, commitmentKey));
    return { index, body: canonicalJson(whole), commitmentKey };
  }

  appendClear(record: ClearRecord): number {
    return this.put(encodeClearEntry(newEventId(), record));
  }

  /** What stands in clear, in the order of the tree. */
  clearRecords(): ClearRecord[] {
    return this.entries.flatMap((entry) => {
      const decoded = decodeEntry(entry);
      return decoded.ok && decoded.value.kind === 'clear' ? [decoded.value.record] : [];
    });
  }

  checkpoint(size = this.tree.size): string {
    return this.sign(size, this.tree.root(size));
  }

  /** A head under the log's own signature, true or not: what a forking operator could make. */
  sign(size: number, root: Buffer): string {
    return signCheckpoint(formatCheckpoint({ origin: LOG_ORIGIN, size, root }), ...this.signers);
  }

  /** The present key is named; then, with a next one, that signs beside it. */
  async announceKey(next?: FakeLogKey): Promise<void> {
    const [present] = this.logKeys.length === 0 ? [this.keys] : this.logKeys.slice(-1);
    if (this.logKeys.length === 0 && present) {
      this.logKeys.push(present);
      await this.sayKey({ jwk: publicJwkOf(present) });
    }
    if (!next || !present) return;
    this.signers.push(ed25519NoteSigner(LOG_ORIGIN, next.privateKey));
    this.logKeys.push(next);
    await this.sayKey({ jwk: publicJwkOf(next), follows: await thumbprintOf(publicJwkOf(present)) });
  }

  /** The key before the newest signs no more, and the log says so. */
  async retireKey(): Promise<void> {
    const [before, newest] = this.logKeys.slice(-2);
    if (!before || !newest) throw new Error('no key was announced');
    this.signers = [ed25519NoteSigner(LOG_ORIGIN, newest.privateKey)];
    await this.sayKey({ jwk: publicJwkOf(newest), retires: await thumbprintOf(publicJwkOf(before)) });
  }

  /** The newest key is lost before it took over, and the log says so. */
  async withdrawKey(): Promise<void> {
    const [before, newest] = this.logKeys.slice(-2);
    if (!before || !newest) throw new Error('no key was announced');
    this.signers = [ed25519NoteSigner(LOG_ORIGIN, before.privateKey)];
    this.logKeys.pop();
    await this.sayKey({ jwk: publicJwkOf(before), withdraws: await thumbprintOf(publicJwkOf(newest)) });
  }

  private async sayKey(said: Omit<HubKeyRecord, 'service' | 'use' | 'useFrom' | 'useUntil' | 'iat'>): Promise<void> {
    const index = this.appendClear({ type: 'hub-key', record: await logKeyRecord(said) });
    const proof = formatProof({ index, proof: this.tree.inclusionProof(index), checkpoint: this.checkpoint() });
    this.keyLinks.push({ entry: this.entries[index] ?? Buffer.alloc(0), proof });
  }

  receipt(index: number, opening: string): Receipt {
    const { size } = this.tree;
    return {
      leafIndex: index,
      inclusionProof: base64(this.tree.inclusionProof(index, size)),
      checkpoint: this.checkpoint(size),
      opening,
    };
  }

  leafOf(entry: Buffer | undefined): Buffer {
    if (!entry) throw new Error('no such entry');
    return leafHash(entry);
  }

  consistency(first: number, second = this.tree.size): string[] {
    return base64(this.tree.consistencyProof(first, second));
  }

  private put(entry: Buffer): number {
    this.entries.push(entry);
    return this.tree.append(leafHash(entry));
  }
}

export type FakeLogKey = KeyPairKeyObjectResult;

const publicJwkOf = ({ publicKey }: FakeLogKey): PublicJwk => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x: publicKey.export({ format: 'jwk' }).x ?? '',
  alg: 'EdDSA',
});

/** What audit says in clear of a key of the log. */
export async function logKeyRecord(
  said: Omit<HubKeyRecord, 'service' | 'use' | 'useFrom' | 'useUntil' | 'iat'>,
): Promise<string> {
  const now = new Date();
  const useUntil = new Date(now.getTime() + 3_600_000).toISOString();
  const times = { useFrom: now.toISOString(), useUntil, iat: numericDate(now) };
  return signStatement('hub-key', { service: 'audit', use: 'log', ...times, ...said }, await generateSigningKey());
}

const base64 = (hashes: readonly Buffer[]): string[] => hashes.map((hash) => hash.toString('base64'));
