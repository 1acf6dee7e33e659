import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Chain,
  type ChainHead,
  type ClearRecord,
  type LogBody,
  type PlaceOpening,
  commitmentKeyOf,
  encodeClearEntry,
  encodeOpaqueEntry,
  inChainOrder,
  newEntrySecret,
  openPlace,
  placeAfter,
  placeSaltsOf,
  placesHash,
  rangesOf,
} from '#envelope';
import { agencyId, canonicalJson, newEventId, newExchangeId } from '#kernel';
import {
  MemoryTree,
  type NoteSigner,
  type NoteVerifier,
  ed25519NoteSigner,
  formatCheckpoint,
  leafHash,
  parseVerifierKey,
  signCheckpoint,
  verifierKey,
} from '#merkle';
import { unwrap } from '#kernel';
import type { BodyLine } from '../domain/body-line.js';
import { type LogSource, exportLog } from '../export-log/export-log.js';
import { LogFolder } from '../infra/log-folder.js';
import type { KeptReceipt } from '../verify-log/check-receipts.js';

const origin = 'log.test.example';

/** A log as the hub would show it, with entries of every kind, under a key of its own. */
export class SmallLog {
  readonly entries: Buffer[] = [];
  readonly bodies: BodyLine[] = [];
  readonly verifierKey: string;
  readonly verifier: NoteVerifier;
  /** The checkpoint that witnesses cosigned, where they did. */
  cosigned: string | undefined;
  private readonly signer: NoteSigner;
  private readonly tree = new MemoryTree();
  private readonly heads = new Map<Chain, ChainHead>();

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.signer = ed25519NoteSigner(origin, privateKey);
    this.verifierKey = verifierKey(origin, publicKey);
    this.verifier = unwrap(parseVerifierKey(this.verifierKey));
  }

  static ofSize(size: number): SmallLog {
    const log = new SmallLog();
    const exchangeId = newExchangeId();
    for (let n = 0; n < size; n += 1) {
      // Every fifth stands in clear, as keys and agencies do.
      if (n % 5 === 4) log.addClear(n);
      else log.addOpaque({ exchangeId, seq: log.bodies.length + 1 });
    }
    return log;
  }

  get size(): number {
    return this.entries.length;
  }

  /** An entry with its places in the chains of sender and recipient, of which the sender's is opened. */
  addPlaced(
    members: Partial<LogBody>,
    loggedAt: string,
  ): { index: number; place: PlaceOpening } & Omit<BodyLine, 'index'> {
    const body = this.bodyOf(members);
    const secret = newEntrySecret();
    const commitmentKey = commitmentKeyOf(secret);
    const chains = inChainOrder([body.sender, body.recipient].filter((chain) => chain !== undefined));
    const salts = placeSaltsOf(secret, chains.length);
    const places = chains.map((chain) => placeAfter(chain, this.heads.get(chain), loggedAt));
    const hash = placesHash(places, salts);
    const index = this.add(encodeOpaqueEntry(body.eventId, body, commitmentKey, hash));
    for (const { chain, number, link } of places) this.heads.set(chain, { number, link, leafIndex: index });
    const line = {
      body: canonicalJson(body),
      commitmentKey: commitmentKey.toString('base64'),
      places: hash.toString('base64'),
    };
    this.bodies.push({ index, ...line });
    return { index, place: openPlace(body.sender!, places, salts), ...line };
  }

  addOpaque(members: Partial<LogBody> = {}): number {
    const body = this.bodyOf(members);
    const commitmentKey = commitmentKeyOf(newEntrySecret());
    const index = this.add(encodeOpaqueEntry(body.eventId, body, commitmentKey));
    this.bodies.push({ index, body: canonicalJson(body), commitmentKey: commitmentKey.toString('base64') });
    return index;
  }

  private bodyOf(members: Partial<LogBody>): LogBody {
    return {
      v: 1,
      eventId: newEventId(),
      type: 'message-accepted',
      at: '2026-11-22T10:00:00.000Z',
      sender: agencyId('K-235'),
      recipient: agencyId('H-06'),
      categories: [11, 13],
      assertedBy: 'agency',
      ...members,
    };
  }

  addClear(version: number): number {
    const hash = Buffer.alloc(32, version % 256).toString('base64url') as never;
    return this.add(
      encodeClearEntry(newEventId(), {
        type: 'catalogue',
        version: version + 1,
        hash,
        at: '2026-11-22T10:00:00.000Z',
      }),
    );
  }

  addRecord(record: ClearRecord): number {
    return this.add(encodeClearEntry(newEventId(), record));
  }

  /** Names these indices as erased, whether they are or not. */
  addTombstone(...indices: number[]): number {
    const at = '2026-11-23T02:00:00.000Z';
    return this.add(
      encodeClearEntry(newEventId(), {
        type: 'tombstone',
        indices: rangesOf(indices),
        grounds: ['unlawful'],
        retention: 1,
        proposers: [agencyId('K-235')],
        approvers: [agencyId('A-TSV')],
        approvals: [Buffer.alloc(32, 1).toString('base64url') as never],
        holds: { checkedAt: at, standing: 0 },
        kek: 'AbCdEf12',
        at,
      }),
    );
  }

  /** What an erasure does to an export. */
  dropBodies(...indices: number[]): void {
    const kept = this.bodies.filter(({ index }) => !indices.includes(index));
    this.bodies.splice(0, this.bodies.length, ...kept);
  }

  checkpoint(size = this.size): string {
    return signCheckpoint(formatCheckpoint({ origin, size, root: this.tree.root(size) }), this.signer);
  }

  /** Signs whatever it is told: what a lying log would do. */
  checkpointWith(size: number, root: Buffer): string {
    return signCheckpoint(formatCheckpoint({ origin, size, root }), this.signer);
  }

  receipt(index: number, size = this.size): KeptReceipt {
    const line = this.bodies.find((body) => body.index === index);
    if (line === undefined) throw new Error(`entry ${index} has no body`);
    return {
      leafIndex: index,
      inclusionProof: this.tree.inclusionProof(index, size).map((hash) => hash.toString('base64')),
      checkpoint: this.checkpoint(size),
      body: line.body,
      commitmentKey: line.commitmentKey,
    };
  }

  source(size = this.size): LogSource {
    return {
      checkpoint: async () => this.checkpoint(size),
      cosigned: async () => this.cosigned,
      entries: async (from, to) => this.entries.slice(from, Math.min(to, from + 1_024)),
    };
  }

  async export(target: string, size = this.size): Promise<LogFolder> {
    const report = await exportLog({
      target,
      source: this.source(size),
      verifierKey: this.verifierKey,
      bodies: (below) => asyncOf(this.bodies.filter(({ index }) => index < below)),
    });
    if (report.problem) throw report.problem;
    return new LogFolder(target);
  }

  private add(entry: Buffer): number {
    this.entries.push(entry);
    return this.tree.append(leafHash(entry));
  }
}

export async function* asyncOf<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}

/** A folder of its own for one test. */
export async function withTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'kotovayla-cli-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
