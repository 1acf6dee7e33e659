import { generateKeyPairSync } from 'node:crypto';
import {
  type ClearRecord,
  commitmentKeyOf,
  decodeEntry,
  encodeClearEntry,
  encodeOpaqueEntry,
  type LogBody,
  newEntrySecret,
  type Receipt,
} from '#envelope';
import { canonicalJson, newEventId } from '#kernel';
import {
  ed25519NoteSigner,
  formatCheckpoint,
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
  private readonly signer: NoteSigner;

  /** @param keys those of another branch of the same log */
  constructor(readonly keys = generateKeyPairSync('ed25519')) {
    this.signer = ed25519NoteSigner(LOG_ORIGIN, keys.privateKey);
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
    return signCheckpoint(formatCheckpoint({ origin: LOG_ORIGIN, size, root }), this.signer);
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

const base64 = (hashes: readonly Buffer[]): string[] => hashes.map((hash) => hash.toString('base64'));
