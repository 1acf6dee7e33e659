import { type DecodedEntry, type IndexRange, decodeEntry } from '#envelope';
import {
  type Checkpoint,
  type LogVerifier,
  TileBuilder,
  emptyRoot,
  openCheckpoint,
  parseTilePath,
  tilePath,
  tileWidth,
  widthAt,
} from '#merkle';
import { type AlignedLeaf, type FoundLeaf, LeafAlignment } from '../domain/align-leaves.js';
import { openBodyLine } from '../domain/body-line.js';
import { Buried } from '../domain/buried.js';
import { type ClearLeaf, clearLeafOf, falseClearLists } from '../domain/clear-lists.js';
import { ExchangeNumbers, type NumberGap } from '../domain/exchange-numbers.js';
import { FaultList, type LogFault, faultOf } from '../domain/log-fault.js';
import { type LogFiles, bodiesFile, checkpointFile } from '../domain/log-files.js';
import { type KeyEntry, type TrustedKeys, checkLogKeys, keyEntryOf } from '../domain/log-keys.js';
import { LogFolder } from '../infra/log-folder.js';
import { BodyLines } from './body-lines.js';
import { type ReceiptInHand, checkReceipt, readReceipt } from './check-receipts.js';
import { checkTile } from './check-tiles.js';
import { readChunks } from './read-chunks.js';

export interface VerifyLogRequest {
  /** A folder may also hold bodies, and files that no checkpoint covers. */
  readonly folder: LogFiles;
  /** The log's key, configured by hand, or those to which it leads. */
  readonly logVerifier: LogVerifier;
  /** The key that is known, with what lies beside the log: then the entries must say the same of the log's keys. */
  readonly known?: { readonly verifierKey: string; readonly trusted: TrustedKeys };
  /** Files with opened receipts. */
  readonly receipts?: readonly string[];
  /** An agency's own export holds its own bodies only. */
  readonly someBodies?: boolean;
  readonly onProgress?: (entries: number, size: number) => void;
}

export interface VerifyLogReport {
  readonly ok: boolean;
  readonly origin?: string;
  readonly size?: number;
  /** Base64, of the signed checkpoint. */
  readonly root?: string;
  readonly entries: { readonly opaque: number; readonly clear: number };
  /** Opaque entries that a tombstone names: body or tombstone is demanded for each. */
  readonly erased: number;
  /** Bodies that open their entries; undefined where the export has none. */
  readonly bodies?: number;
  readonly receipts: readonly { readonly path: string; readonly index: number; readonly type: string }[];
  readonly faults: readonly LogFault[];
  /** Faults beyond those that are listed. */
  readonly furtherFaults: number;
  /** Numbers within exchanges that no body has although a later one is there: worth a question, no proof. */
  readonly gaps: readonly NumberGap[];
}

/**
 * Proves an exported log without asking anybody: the signed checkpoint, the tree recomputed from the entries, each tile,
 * each body, and receipts that agencies hold. A fault is named by the entry in which it lies.
 */
export async function verifyLog(request: VerifyLogRequest): Promise<VerifyLogReport> {
  const verification = new LogVerification(request);
  return verification.run();
}

interface Difference {
  readonly leaf: AlignedLeaf;
  /** To which side the body of that place bears witness. */
  readonly bodyFits?: 'logged' | 'found' | 'neither';
}

/** What the signed root and the differences as a whole say. */
interface Verdict {
  readonly entriesAreRight: boolean;
  readonly tilesAreRight: boolean;
  /** Where entries stand that belong elsewhere, by the hash of each. */
  readonly misplaced: ReadonlyMap<string, string>;
  /** First entry of the missing tail. */
  readonly tail: number;
  readonly size: number;
}

/** Differences are held to the end, because only then it is known which side is right. */
const mostDifferences = 2_000;

class LogVerification {
  private readonly faults = new FaultList();
  private readonly files: LogFiles;
  private readonly folder: LogFolder | undefined;
  private readonly counts = { opaque: 0, clear: 0, bodies: 0 };
  private readonly fromEntries = new TileBuilder();
  private readonly fromTiles = new TileBuilder();
  private readonly rootAt = new Map<number, Buffer>();
  private readonly upperTileFaults = { fromEntries: new FaultList(), fromTiles: new FaultList() };
  private readonly differences: Difference[] = [];
  private readonly numbers = new ExchangeNumbers();
  private readonly named: IndexRange[] = [];
  /** What is looked at again when all tombstones are known. */
  private readonly bodiless: { readonly index: number; readonly eventId?: string }[] = [];
  private readonly bodied: IndexRange[] = [];
  private readonly clear: ClearLeaf[] = [];
  private readonly keyEntries: KeyEntry[] = [];
  private erased = 0;
  private numbered = false;
  private unlisted = 0;
  private hasBodies = false;

  constructor(private readonly request: VerifyLogRequest) {
    this.files = request.folder;
    this.folder = request.folder instanceof LogFolder ? request.folder : undefined;
  }

  async run(): Promise<VerifyLogReport> {
    const checkpoint = await this.checkpoint();
    if (checkpoint === undefined) return this.report();
    const receipts = await this.receipts();
    this.hasBodies = (await this.folder?.has(bodiesFile)) ?? false;
    await this.walk(checkpoint, new Set([checkpoint.size, ...receipts.map((receipt) => receipt.checkpoint.size)]));
    this.judge(checkpoint);
    this.demandBodyOrTombstone(checkpoint.size);
    // Of entries that are not as the tree has them nothing follows.
    if (this.differences.length === 0) this.faults.addAll(falseClearLists(this.clear));
    await this.refuseWhatIsBeyond(checkpoint.size);
    if (this.request.known)
      this.faults.addAll(await checkLogKeys(this.keyEntries, { ...this.request.known, ...checkpoint }));
    for (const receipt of receipts) {
      const fault = checkReceipt(receipt, { size: checkpoint.size, rootAt: this.rootAt });
      if (fault) this.faults.add(fault);
    }
    return this.report(checkpoint, receipts);
  }

  private async checkpoint(): Promise<Checkpoint | undefined> {
    const note = (await this.files.read(checkpointFile))?.toString('utf8');
    if (note === undefined) {
      this.faults.add(faultOf('checkpoint-missing', 'There is no checkpoint.', { path: checkpointFile }));
      return undefined;
    }
    const opened = openCheckpoint(note, this.request.logVerifier);
    if (opened.ok) return opened.value;
    this.faults.add(faultOf('checkpoint-invalid', opened.error.detail, { path: checkpointFile }));
    return undefined;
  }

  private async receipts(): Promise<ReceiptInHand[]> {
    const read: ReceiptInHand[] = [];
    for (const path of this.request.receipts ?? []) {
      const receipt = await readReceipt(path, this.request.logVerifier);
      if (receipt.ok) read.push(receipt.value);
      else this.faults.add({ ...faultOf('receipt-invalid', receipt.error.detail, { path }), code: receipt.error.code });
    }
    return read;
  }

  private async walk({ size }: Checkpoint, sizesToKnow: ReadonlySet<number>): Promise<void> {
    const alignment = new LeafAlignment();
    const bodies = new BodyLines(this.folder?.lines(bodiesFile), this.faults);
    if (sizesToKnow.has(0)) this.rootAt.set(0, emptyRoot);
    for await (const { found, logged } of readChunks(this.files, size, this.faults)) {
      for (const { hash } of found) this.grow(hash, sizesToKnow);
      for (const hash of logged) this.fromTiles.append(hash ?? emptyRoot);
      await this.checkUpperTiles();
      for (const leaf of alignment.push(found, logged)) await this.settle(leaf, bodies);
      this.request.onProgress?.(Math.min(this.fromTiles.size, size), size);
    }
    for (const leaf of alignment.end()) await this.settle(leaf, bodies);
    await bodies.refuseRest();
    await this.checkUpperTiles({ atEnd: true });
  }

  /** What cannot be read is filled up, so that the rest keeps its place; the root is then another in any case. */
  private grow(hash: Buffer | undefined, sizesToKnow: ReadonlySet<number>): void {
    this.fromEntries.append(hash ?? emptyRoot);
    const { size } = this.fromEntries;
    if (sizesToKnow.has(size)) this.rootAt.set(size, this.fromEntries.root());
  }

  /** Once from the entries and once from the lowest tiles: which of the two was changed is known at the end only. */
  private async checkUpperTiles({ atEnd = false } = {}): Promise<void> {
    for (const side of ['fromEntries', 'fromTiles'] as const) {
      const tiles = [...this[side].takeFull(), ...(atEnd ? this[side].partial() : [])];
      for (const tile of tiles.filter(({ level }) => level > 0)) {
        const fault = await checkTile(this.files, tile);
        if (fault) this.upperTileFaults[side].add(fault);
      }
    }
  }

  private async settle(leaf: AlignedLeaf, bodies: BodyLines): Promise<void> {
    if (leaf.verdict === 'extra') return this.remember({ leaf });
    const found = leaf.verdict === 'missing' ? undefined : leaf.found;
    const bodyFits = this.hasBodies ? await this.checkBody(leaf.at, { found, logged: leaf.logged }, bodies) : undefined;
    if (leaf.verdict !== 'same') return this.remember({ leaf, ...(bodyFits && { bodyFits }) });
    if (found?.hash === undefined) return;
    const entry = decodeEntry(found.entry);
    if (entry.ok) this.count(leaf.at, found.entry, entry.value);
    else this.faults.add(faultOf('entry-unreadable', 'The bytes are no entry of this log.', { index: leaf.at }));
  }

  private count(index: number, bytes: Uint8Array, entry: DecodedEntry): void {
    this.counts[entry.kind] += 1;
    if (entry.kind !== 'clear') return this.checkNumbered(index, entry);
    this.clear.push(clearLeafOf(index, bytes, entry.record));
    this.keyEntries.push(...keyEntryOf(index, entry.record));
    if (entry.record.type === 'tombstone') this.named.push(...entry.record.indices);
  }

  /** Once entries commit to numbered places all do: one without could be left out of an answer unseen (decision 0025). */
  private checkNumbered(index: number, { eventId, places }: Extract<DecodedEntry, { kind: 'opaque' }>): void {
    if (places !== undefined) this.numbered = true;
    else if (this.numbered) {
      const detail = 'An entry in the old format, without numbered places, after one that has them.';
      this.faults.add(faultOf('entry-unnumbered', detail, { index, eventId }));
    }
  }

  /** For every index; with one agency's bodies only, what is not there was perhaps another's. */
  private demandBodyOrTombstone(size: number): void {
    const buried = new Buried(this.named);
    this.erased = buried.count;
    for (const { index, eventId } of this.bodiless) {
      if (buried.has(index)) continue;
      const place = { index, ...(eventId !== undefined && { eventId }), path: bodiesFile };
      this.faults.add(faultOf('body-missing', 'The export has neither a body nor a tombstone for this entry.', place));
    }
    for (const { first, last } of this.bodied) {
      for (let index = first; index <= last; index += 1) {
        if (!buried.has(index)) continue;
        const place = { index, path: bodiesFile };
        this.faults.add(faultOf('body-not-erased', 'A tombstone says that this body was erased.', place));
      }
    }
    const beyond = buried.ranges.at(-1)?.last ?? -1;
    const clear = this.clear.map(({ listed }) => listed.index);
    for (const index of [...clear.filter((one) => buried.has(one)), ...(beyond >= size ? [beyond] : [])])
      this.faults.add(
        faultOf('tombstone-without-leaf', 'A tombstone names an entry that was never sealed.', { index }),
      );
  }

  private async checkBody(
    index: number,
    { found, logged }: { readonly found: FoundLeaf | undefined; readonly logged: Buffer | undefined },
    bodies: BodyLines,
  ): Promise<Difference['bodyFits']> {
    const line = await bodies.take(index);
    const entry = found?.hash === undefined ? undefined : decodeEntry(found.entry);
    const kind = entry?.ok ? entry.value.kind : undefined;
    const place = { index, ...(entry?.ok && { eventId: entry.value.eventId }), path: bodiesFile };
    if (line === undefined) {
      if (kind === 'opaque' && !this.request.someBodies)
        this.bodiless.push({ index, ...(entry?.ok && { eventId: entry.value.eventId }) });
      return undefined;
    }
    if (kind === 'clear') {
      this.faults.add(faultOf('body-extra', 'An entry in clear has no body.', place));
      return undefined;
    }
    const opened = openBodyLine(line);
    const fits =
      opened.ok && logged?.equals(opened.value.leafHash)
        ? 'logged'
        : opened.ok && found?.hash?.equals(opened.value.leafHash)
          ? 'found'
          : 'neither';
    if (opened.ok && fits !== 'neither') {
      this.counts.bodies += 1;
      const before = this.bodied.at(-1);
      if (before && before.last + 1 === index) before.last = index;
      else this.bodied.push({ first: index, last: index });
      const { exchangeId, seq } = opened.value.body;
      if (exchangeId !== undefined && seq !== undefined) this.numbers.add(exchangeId, seq);
    } else if (found?.hash !== undefined || logged !== undefined) {
      const detail = opened.ok ? 'Body and commitment key do not lead to this entry’s leaf.' : opened.error.detail;
      this.faults.add(faultOf('body-changed', detail, place));
    }
    return fits;
  }

  private remember(difference: Difference): void {
    if (this.differences.length < mostDifferences) this.differences.push(difference);
    else this.unlisted += 1;
  }

  /** The signed root decides whether the entries or the tiles are what was logged. */
  private judge(checkpoint: Checkpoint): void {
    const entriesAreRight = this.rootAt.get(checkpoint.size)?.equals(checkpoint.root) ?? false;
    const tilesAreRight = this.fromTiles.size === checkpoint.size && this.fromTiles.root().equals(checkpoint.root);
    const tail = this.startOfMissingTail();
    const verdict = { entriesAreRight, tilesAreRight, misplaced: this.misplaced(), tail, size: checkpoint.size };
    for (const difference of this.differences) this.tell(difference, verdict);
    if (tail < checkpoint.size) {
      const detail = `The export ends before it: entries ${tail} to ${checkpoint.size - 1} are missing.`;
      this.faults.add(faultOf('tail-missing', detail, { index: tail }));
    }
    const upper = entriesAreRight ? this.upperTileFaults.fromEntries : this.upperTileFaults.fromTiles;
    for (const fault of upper.kept) this.faults.add(fault);
    if (entriesAreRight) return;
    const detail = tilesAreRight
      ? 'The entries do not lead to the signed root, though the tiles do: entries were changed.'
      : 'Neither the entries nor the tiles lead to the signed root.';
    this.faults.add(faultOf('root-mismatch', detail, { path: checkpointFile }));
  }

  /** Entries that are missing at one place and stand at another, by hash: where. */
  private misplaced(): Map<string, string> {
    const standing = new Map<string, string>();
    for (const { leaf } of this.differences) {
      if (leaf.verdict === 'extra') standing.set(nameOf(leaf.found.hash), `before entry ${leaf.at}`);
      if (leaf.verdict === 'changed') standing.set(nameOf(leaf.found.hash), `at the place of entry ${leaf.at}`);
    }
    const misplaced = new Map<string, string>();
    for (const { leaf } of this.differences) {
      const name = leaf.verdict === 'missing' || leaf.verdict === 'changed' ? nameOf(leaf.logged) : unnamed;
      const place = standing.get(name);
      if (name !== unnamed && place !== undefined) misplaced.set(name, place);
    }
    return misplaced;
  }

  private tell({ leaf, bodyFits }: Difference, known: Verdict): void {
    const index = leaf.at;
    const standsElsewhere = leaf.verdict === 'extra' ? undefined : known.misplaced.get(nameOf(leaf.logged));
    if (standsElsewhere !== undefined && !known.entriesAreRight) {
      this.faults.add(faultOf('entry-moved', `The entry stands ${standsElsewhere} instead.`, { index }));
    } else if (leaf.verdict === 'extra') {
      if (known.misplaced.has(nameOf(leaf.found.hash))) return;
      const where = index < known.size ? `before entry ${index}` : 'after the last entry';
      const detail = `An entry stands ${where} that the checkpoint does not cover.`;
      this.faults.add(faultOf('entry-extra', detail, { index, ...eventIdOf(leaf.found) }));
    } else if (leaf.verdict === 'missing') {
      if (index < known.tail) {
        this.faults.add(faultOf('entry-missing', 'The tiles have this entry, the bundles do not.', { index }));
      }
    } else this.tellChanged({ index, found: leaf.found, ...(bodyFits && { bodyFits }) }, known);
  }

  /** Entry and tile differ: the signed root decides which was changed, and where it fits neither, the body. */
  private tellChanged(
    { index, found, bodyFits }: { index: number; found: FoundLeaf; bodyFits?: Difference['bodyFits'] },
    { entriesAreRight, tilesAreRight }: Verdict,
  ): void {
    const entryIsRight = entriesAreRight || (!tilesAreRight && bodyFits === 'found');
    if (entryIsRight) {
      const path = tilePath(
        0,
        Math.floor(index / tileWidth),
        widthAt(Math.floor(index / tileWidth), this.fromTiles.size),
      );
      this.faults.add(faultOf('tile-changed', 'The tile has another hash than the entry.', { index, path }));
    } else {
      const detail = 'The entry does not hash to the leaf that the tile has for it.';
      this.faults.add(faultOf('entry-changed', detail, { index, ...eventIdOf(found) }));
    }
    if ((entriesAreRight && bodyFits === 'logged') || (tilesAreRight && bodyFits === 'found')) {
      const detail = 'The body was changed together with what it opens.';
      this.faults.add(faultOf('body-changed', detail, { index, path: bodiesFile }));
    }
  }

  /** First index from which on every entry is missing; the log's size where none is. */
  private startOfMissingTail(): number {
    const missing = new Set(this.differences.flatMap(({ leaf }) => (leaf.verdict === 'missing' ? [leaf.at] : [])));
    let start = this.fromTiles.size;
    while (missing.has(start - 1)) start -= 1;
    return start;
  }

  /** Files with entries or hashes that no checkpoint covers; smaller partial tiles of earlier times are harmless. */
  private async refuseWhatIsBeyond(size: number): Promise<void> {
    for await (const path of this.folder?.tileFiles() ?? []) {
      const tile = parseTilePath(path);
      if (tile === undefined) continue;
      const count = tile.level === 'entries' ? size : Math.floor(size / tileWidth ** tile.level);
      if (tile.width <= widthAt(tile.n, count)) continue;
      const detail = 'The file holds more than the checkpoint covers.';
      this.faults.add(
        tile.level === 'entries'
          ? faultOf('entry-extra', detail, { path, index: Math.max(size, tile.n * tileWidth) })
          : faultOf('tile-changed', detail, { path }),
      );
    }
  }

  private report(checkpoint?: Checkpoint, receipts: readonly ReceiptInHand[] = []): VerifyLogReport {
    const { opaque, clear, bodies } = this.counts;
    return {
      ok: this.faults.count === 0,
      ...(checkpoint && {
        origin: checkpoint.origin,
        size: checkpoint.size,
        root: checkpoint.root.toString('base64'),
      }),
      entries: { opaque, clear },
      erased: this.erased,
      ...(this.hasBodies && { bodies }),
      receipts: receipts.map(({ path, index, body }) => ({ path, index, type: body.type })),
      faults: this.faults.kept,
      furtherFaults: this.faults.count - this.faults.kept.length + this.unlisted,
      gaps: this.request.someBodies ? [] : this.numbers.gaps(),
    };
  }
}

function eventIdOf({ hash, entry }: FoundLeaf): { eventId?: string } {
  const decoded = hash === undefined ? undefined : decodeEntry(entry);
  return decoded?.ok ? { eventId: decoded.value.eventId } : {};
}

const unnamed = '';
const nameOf = (hash: Buffer | undefined): string => hash?.toString('hex') ?? unnamed;
