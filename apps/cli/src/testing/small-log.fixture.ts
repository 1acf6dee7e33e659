import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Chain,
  type ChainHead,
  type ClearRecord,
  type HubKeyRecord,
  type ListedEntry,
  type LogBody,
  type LogKeyLink,
  type PlaceOpening,
  type PublicJwk,
  clearListDigest,
  clearListFile,
  commitmentKeyOf,
  decodeEntry,
  encodeClearEntry,
  encodeOpaqueEntry,
  formatClearList,
  formatLogKeyLinks,
  generateSigningKey,
  inChainOrder,
  listedEntryOf,
  logKeyChain,
  newEntrySecret,
  openPlace,
  placeAfter,
  placeSaltsOf,
  placesHash,
  rangesOf,
  signStatement,
  thumbprintOf,
} from '#envelope';
import { agencyId, canonicalJson, newEventId, newExchangeId } from '#kernel';
import {
  MemoryTree,
  type NoteSigner,
  type NoteVerifier,
  TileBuilder,
  ed25519NoteSigner,
  encodeTile,
  formatCheckpoint,
  formatProof,
  leafHash,
  parseVerifierKey,
  signCheckpoint,
  tilePath,
  verifierKey,
} from '#merkle';
import { unwrap } from '#kernel';
import type { TrustedKeys } from '../domain/log-keys.js';
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
  /** What lies beside it about its keys, where it says something. */
  keyLinks: Uint8Array | undefined;
  /** What lies beside it of its entries in clear, where it says something. */
  clearList: string | undefined;
  private signers: [NoteSigner, ...NoteSigner[]];
  private keys: [KeyPairKeyObjectResult];
  private readonly links: LogKeyLink[] = [];
  private readonly tree = new MemoryTree();
  private readonly heads = new Map<Chain, ChainHead>();
  private readonly places = new Map<number, (chain: Chain) => PlaceOpening>();

  constructor() {
    this.keys = [generateKeyPairSync('ed25519')];
    const [{ privateKey, publicKey }] = this.keys;
    this.signers = [ed25519NoteSigner(origin, privateKey)];
    this.verifierKey = verifierKey(origin, publicKey);
    this.verifier = unwrap(parseVerifierKey(this.verifierKey));
  }

  /** What who knows its first key can know of its keys. */
  get trusted(): TrustedKeys {
    return { keys: unwrap(logKeyChain(this.verifierKey)) };
  }

  /** Names its key, unless it did, then the next one, and retires the first; between them come as many entries. Gives the next key. */
  async changeKey({ between = 3, retire = true } = {}): Promise<{
    readonly verifierKey: string;
    readonly retiredAt: number | undefined;
  }> {
    const [first] = this.keys;
    const next = generateKeyPairSync('ed25519');
    const fill = (): void => {
      for (let at = 0; at < between; at += 1) this.addOpaque();
    };
    const [before, after] = [jwkOf(first), jwkOf(next)];
    if (this.links.length === 0) await this.sayKey({ jwk: before });
    fill();
    this.signers.push(ed25519NoteSigner(origin, next.privateKey));
    await this.sayKey({ jwk: after, follows: await thumbprintOf(before) });
    fill();
    if (retire) this.signers.shift();
    const retiredAt = retire ? await this.sayKey({ jwk: after, retires: await thumbprintOf(before) }) : undefined;
    fill();
    return { verifierKey: verifierKey(origin, next.publicKey), retiredAt };
  }

  /** Names its key, then a next one, and withdraws that. Gives the withdrawn one. */
  async withdrawKey(): Promise<{ readonly verifierKey: string; readonly signer: NoteSigner }> {
    const [first] = this.keys;
    const lost = generateKeyPairSync('ed25519');
    const signer = ed25519NoteSigner(origin, lost.privateKey);
    await this.sayKey({ jwk: jwkOf(first) });
    this.signers.push(signer);
    await this.sayKey({ jwk: jwkOf(lost), follows: await thumbprintOf(jwkOf(first)) });
    this.addOpaque();
    this.signers.pop();
    await this.sayKey({ jwk: jwkOf(first), withdraws: await thumbprintOf(jwkOf(lost)) });
    this.addOpaque();
    return { verifierKey: verifierKey(origin, lost.publicKey), signer };
  }

  private async sayKey(said: Omit<HubKeyRecord, 'service' | 'use' | 'useFrom' | 'useUntil' | 'iat'>): Promise<number> {
    const times = { useFrom: '2026-11-22T10:00:00.000Z', useUntil: '2036-11-22T10:00:00.000Z', iat: 1_795_341_600 };
    const record = { service: 'audit' as const, use: 'log' as const, ...times, ...said };
    const token = await signStatement('hub-key', record, await generateSigningKey());
    const index = this.addRecord({ type: 'hub-key', record: token });
    const proof = formatProof({ index, proof: this.tree.inclusionProof(index), checkpoint: this.checkpoint() });
    this.links.push({ entry: this.entries[index]!, proof });
    this.keyLinks = Buffer.from(formatLogKeyLinks(this.links), 'utf8');
    return index;
  }

  /** The present head, signed by the first key or another one whatever the log says of it. */
  signedBy(signer: NoteSigner = ed25519NoteSigner(origin, this.keys[0].privateKey)): string {
    const head = { origin, size: this.size, root: this.tree.root() };
    return signCheckpoint(formatCheckpoint(head), signer);
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

  get root(): Buffer {
    return this.tree.root();
  }

  rootAt(size: number): Buffer {
    return this.tree.root(size);
  }

  /** An entry with its places in the chains of its parties and subjects, of which one is opened: the sender's, or as given. */
  addPlaced(
    members: Partial<LogBody>,
    loggedAt: string,
    of?: Chain,
  ): { index: number; place: PlaceOpening } & Omit<BodyLine, 'index'> {
    const body = this.bodyOf(members);
    const secret = newEntrySecret();
    const commitmentKey = commitmentKeyOf(secret);
    const chains = inChainOrder(
      [body.sender, body.recipient, ...(body.subjects ?? [])].filter((chain) => chain !== undefined),
    );
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
    this.places.set(index, (chain) => openPlace(chain, places, salts));
    return { index, place: this.placeIn(of ?? body.sender!, index), ...line };
  }

  /** Of an entry that was added with its places. */
  placeIn(chain: Chain, index: number): PlaceOpening {
    const open = this.places.get(index);
    if (!open) throw new Error(`entry ${index} has no places`);
    return open(chain);
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

  /** Says which entries below a size stand in clear, as they do or otherwise. */
  addClearList({ size = this.size, entries = this.inClear(size) } = {}): number {
    const digest = clearListDigest(entries);
    const index = this.addRecord({ type: 'clear-list', size, digest, at: '2026-11-23T02:00:00.000Z' });
    this.clearList = formatClearList(index, entries);
    return index;
  }

  inClear(below = this.size): ListedEntry[] {
    return this.entries.slice(0, below).flatMap((entry, index) => {
      const decoded = unwrap(decodeEntry(entry));
      return decoded.kind === 'clear' ? [listedEntryOf(index, entry, decoded.record)] : [];
    });
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
    return signCheckpoint(formatCheckpoint({ origin, size, root: this.tree.root(size) }), ...this.signers);
  }

  /** Signs whatever it is told: what a lying log would do. */
  checkpointWith(size: number, root: Buffer): string {
    return signCheckpoint(formatCheckpoint({ origin, size, root }), ...this.signers);
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
      keys: async () => this.keyLinks,
      entries: async (from, to) => this.entries.slice(from, Math.min(to, from + 1_024)),
      tile: async (path) => this.tile(path, size),
    };
  }

  private tile(path: string, size: number): Buffer | undefined {
    if (path === clearListFile) return this.clearList === undefined ? undefined : Buffer.from(this.clearList);
    const builder = new TileBuilder();
    for (const entry of this.entries.slice(0, size)) builder.append(leafHash(entry));
    const tiles = [...builder.takeFull(), ...builder.partial()];
    const tile = tiles.find(({ level, n, hashes }) => tilePath(level, n, hashes.length) === path);
    return tile && encodeTile(tile.hashes);
  }

  async export(target: string, size = this.size): Promise<LogFolder> {
    const report = await exportLog({
      target,
      source: this.source(size),
      verifierKey: this.verifierKey,
      bodies: (below, from) => asyncOf(this.bodies.filter(({ index }) => index >= from && index < below)),
    });
    if (report.problem) throw report.problem;
    return new LogFolder(target);
  }

  /** Whatever it is. */
  addEntry(entry: Buffer): number {
    return this.add(entry);
  }

  private add(entry: Buffer): number {
    this.entries.push(entry);
    return this.tree.append(leafHash(entry));
  }
}

const jwkOf = ({ publicKey }: KeyPairKeyObjectResult): PublicJwk => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x: publicKey.export({ format: 'jwk' }).x ?? '',
  alg: 'EdDSA',
});

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
