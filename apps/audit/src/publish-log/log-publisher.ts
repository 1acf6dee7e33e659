import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '#kernel';
import {
  type BuiltTile,
  type LogVerifier,
  TileBuilder,
  decodeEntryBundle,
  decodeTile,
  encodeEntryBundle,
  encodeTile,
  entryBundlePath,
  leafHash,
  openCheckpoint,
  partialTiles,
  tilePath,
  tileWidth,
} from '#merkle';
import type { Logger } from '#platform';
import type { CommittedLog, StoredCheckpoint } from '../infra/log-store.js';
import type { TileFolder } from './tile-folder.js';

export interface LogPublisherOptions {
  readonly folder: TileFolder;
  readonly log: CommittedLog;
  readonly verifier: LogVerifier;
  readonly logger: Pick<Logger, 'warn' | 'fatal'>;
  /** Pause between two checkpoints. Each leaves partial files behind until its tile is full. */
  readonly intervalMs: number;
}

/** About 160 kB of entries and 64 files; a checkpoint stands at least every batch. */
const stepEntries = 8_192;
/** So many are written before their checkpoint is due. Whenever the disk is waited for, commits wait with it. */
const filesTogether = 64;
const RETRY_MS = 1_000;
/** Between two looks at what was committed. What a second brings, read at once, would hold up commits for a tenth of one. */
const FOLLOW_MS = 100;
/** About a millisecond of hashing, after which others have their turn: the appender runs in this thread too. */
const entriesPerTurn = 512;

/**
 * Makes the committed log public as files, off the commit path: what the next checkpoint implies first, durably, then the
 * checkpoint. It computes the tree itself from the committed entries and publishes only what leads to the signed root, so
 * entries changed past the triggers are noticed before anybody is shown a tile of them. Its state is the folder: after a
 * restart it goes on from there.
 */
export class LogPublisher {
  private edge: Edge | undefined;
  /** Of the monotonic clock. */
  private publishedAt = -Infinity;
  private running: Promise<void> | undefined;
  private awake = false;
  private closing = false;
  private contradiction: AppError | undefined;
  private readonly listeners: ((error: AppError) => void)[] = [];
  private endPause: (() => void) | undefined;

  constructor(private readonly options: LogPublisherOptions) {}

  /** Whether it goes on publishing. */
  get sound(): boolean {
    return this.contradiction === undefined;
  }

  /** Called once when what is committed contradicts what was published: nothing may be appended any more. */
  onContradiction(listener: (error: AppError) => void): void {
    this.listeners.push(listener);
  }

  /** There may be something to publish. */
  wake(): void {
    this.awake = true;
    this.running ??= this.run().finally(() => {
      this.running = undefined;
      // Woken between the last look and here.
      if (this.awake && this.sound && !this.closing) this.wake();
    });
  }

  /** Publishes what is committed, then stops. */
  async close(): Promise<void> {
    this.closing = true;
    this.endPause?.();
    await this.running;
  }

  /** Size and root that everybody may have seen. Errors: LOG_INCONSISTENT when the file is no checkpoint of this log. */
  async published(): Promise<StoredCheckpoint | undefined> {
    const note = await this.options.folder.checkpoint();
    if (note === undefined) return undefined;
    const opened = openCheckpoint(note, this.options.verifier);
    if (!opened.ok) throw new AppError('LOG_INCONSISTENT', 'the published checkpoint is none of this log');
    return opened.value;
  }

  private async run(): Promise<void> {
    while (this.awake && this.sound) {
      this.awake = false;
      let pause = this.options.intervalMs;
      try {
        while (await this.growNext());
        pause = await this.publishIfDue();
      } catch (error) {
        this.edge = undefined;
        if (error instanceof AppError && error.code === 'LOG_INCONSISTENT') return this.stopFor(error);
        this.options.logger.warn({ err: error }, 'the log could not be published; trying again');
        if (this.closing) return;
        this.awake = true;
        pause = Math.max(pause, RETRY_MS);
      }
      if (!this.closing) await this.pauseFor(pause);
    }
  }

  /** One checkpoint further; tiles and bundles that became full are written when there are many. False when about the newest one is reached. */
  private async growNext(): Promise<boolean> {
    const { folder, log, verifier } = this.options;
    this.edge ??= await this.restore();
    const edge = this.edge;
    const next = await log.nextCheckpoint(edge.reached?.size ?? -1, stepEntries);
    if (!next) return false;
    const signed = openCheckpoint(next.note, verifier);
    if (!signed.ok || signed.value.size !== next.size)
      throw new AppError('LOG_INCONSISTENT', 'a committed checkpoint is not signed by the log key');
    const before = edge.size;
    await edge.grow(await log.entries(before, next.size), signed.value);
    edge.reached = next;
    if (edge.waiting >= filesTogether) await folder.writeOnce(edge.takeFull());
    if (next.size - before >= stepEntries / 2) return true;
    this.awake = true;
    return false;
  }

  /** Shows the checkpoint that was reached, when the pause is over. Resolves to how long to wait now, in milliseconds. */
  private async publishIfDue(): Promise<number> {
    const { folder, intervalMs } = this.options;
    const edge = this.edge;
    const reached = edge?.unpublished;
    if (!edge || !reached) return Math.min(intervalMs, FOLLOW_MS);
    const wait = this.closing ? 0 : this.publishedAt + intervalMs - performance.now();
    if (wait > 0) {
      this.awake = true;
      return Math.min(wait, FOLLOW_MS);
    }
    await folder.writeOnce([...edge.takeFull(), ...edge.partialFiles()]);
    // The one that stands may have cosignatures by now.
    if (reached.size > (edge.published?.size ?? -1)) await folder.publishCheckpoint(reached.note);
    edge.published = reached;
    edge.isWhole = true;
    this.publishedAt = performance.now();
    for (const path of edge.takeFilled()) await folder.dropPartials(path);
    return Math.min(intervalMs, FOLLOW_MS);
  }

  /** From the published files; from the beginning where some of them are missing, which writes them again. */
  private async restore(): Promise<Edge> {
    const published = await this.published();
    if (!published) return new Edge(undefined);
    const { size, root } = published;
    // What is published was committed with a checkpoint of that very size.
    const committed = await this.options.log.nextCheckpoint(size - 1, 1);
    if (committed?.size !== size || !committed.root.equals(root))
      throw new AppError('LOG_INCONSISTENT', 'the committed log has no such checkpoint as the published one');
    const edge = await this.readEdge(published);
    if (edge?.root().equals(root)) return edge;
    this.options.logger.warn(
      { size },
      'the published tiles are not whole; comparing them with the log from its beginning',
    );
    return new Edge(published);
  }

  private async readEdge(published: StoredCheckpoint): Promise<Edge | undefined> {
    const { folder } = this.options;
    const rows: Buffer[][] = [];
    for (const { level, n, width } of partialTiles(published.size)) {
      const tile = decodeTile((await folder.read(tilePath(level, n, width))) ?? Buffer.alloc(0), width);
      if (!tile.ok) return undefined;
      rows.push(tile.value);
    }
    const width = published.size % tileWidth;
    if (width === 0) return new Edge(published, TileBuilder.restore(published.size, rows), []);
    const bytes = await folder.read(entryBundlePath(Math.floor(published.size / tileWidth), width));
    const bundle = decodeEntryBundle(bytes ?? Buffer.alloc(0), width);
    return bundle.ok ? new Edge(published, TileBuilder.restore(published.size, rows), bundle.value) : undefined;
  }

  private stopFor(error: AppError): void {
    this.contradiction = error;
    this.options.logger.fatal({ err: error }, 'the committed log contradicts the published one');
    for (const listener of this.listeners) listener(error);
  }

  private async pauseFor(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.endPause = undefined;
  }
}

type NamedFile = readonly [name: string, content: Buffer];

/** The right edge of the public log: unfinished tiles and the unfinished bundle. */
class Edge {
  /** Up to which the committed entries were seen to lead to signed roots. */
  reached: StoredCheckpoint | undefined;
  /** All that the published checkpoint implies stands in the folder. */
  isWhole: boolean;
  /** What became full and is not written yet. */
  private full: NamedFile[] = [];
  private filled: string[] = [];
  /** Paths of the full tiles and bundles of which there are partial files. */
  private readonly begun = new Set<string>();

  constructor(
    public published: StoredCheckpoint | undefined,
    private readonly tree = new TileBuilder(),
    private bundle: Uint8Array[] = [],
  ) {
    this.isWhole = tree.size === (published?.size ?? 0);
    if (!published) return;
    if (this.isWhole) this.reached = published;
    for (const { level, n } of partialTiles(published.size)) this.begun.add(tilePath(level, n));
    this.begun.add(entryBundlePath(Math.floor(published.size / tileWidth)));
  }

  get size(): number {
    return this.tree.size;
  }

  root(): Buffer {
    return this.tree.root();
  }

  /** What was reached, where there is more to show than stands in the folder. */
  get unpublished(): StoredCheckpoint | undefined {
    if (!this.reached || !this.published) return this.reached;
    const beyond = this.reached.size - this.published.size;
    return beyond > 0 || (beyond === 0 && !this.isWhole) ? this.reached : undefined;
  }

  /** Number of files that became full and wait to be written. */
  get waiting(): number {
    return this.full.length;
  }

  /** Who takes them writes them; where that fails, the edge is of no use any more. */
  takeFull(): NamedFile[] {
    const full = this.full;
    this.full = [];
    return full;
  }

  /** Adds entries up to a checkpoint. Errors: LOG_INCONSISTENT; the edge is of no use then. */
  async grow(entries: readonly Buffer[], checkpoint: StoredCheckpoint): Promise<void> {
    const files: NamedFile[] = [];
    for (const [at, entry] of entries.entries()) {
      if (at % entriesPerTurn === entriesPerTurn - 1) await nextTurn();
      this.tree.append(leafHash(entry));
      this.bundle.push(entry);
      if (this.bundle.length === tileWidth) files.push(this.bundleFile());
      if (this.size === this.published?.size && !this.root().equals(this.published.root))
        throw new AppError('LOG_INCONSISTENT', 'the committed log is no continuation of the published one');
    }
    if (this.size !== checkpoint.size || !this.root().equals(checkpoint.root))
      throw new AppError('LOG_INCONSISTENT', 'the committed entries do not lead to the signed root');
    files.push(...this.tree.takeFull().map(tileFile));
    this.filled.push(...files.map(([name]) => name).filter((name) => this.begun.delete(name)));
    this.full.push(...files);
  }

  /** What the checkpoint that was reached implies beside the full ones. */
  partialFiles(): NamedFile[] {
    const files: NamedFile[] = [];
    if (this.bundle.length > 0) {
      this.begun.add(entryBundlePath(Math.floor(this.size / tileWidth)));
      files.push(this.bundleFile());
    }
    for (const tile of this.tree.partial()) {
      this.begun.add(tilePath(tile.level, tile.n));
      files.push(tileFile(tile));
    }
    return files;
  }

  /** Paths of what became full and has partial files, which serve nothing any more. */
  takeFilled(): string[] {
    const filled = this.filled;
    this.filled = [];
    return filled;
  }

  private bundleFile(): NamedFile {
    const n = Math.floor((this.size - 1) / tileWidth);
    const file: NamedFile = [entryBundlePath(n, this.bundle.length), encodeEntryBundle(this.bundle)];
    if (this.bundle.length === tileWidth) this.bundle = [];
    return file;
  }
}

const tileFile = ({ level, n, hashes }: BuiltTile): NamedFile => [
  tilePath(level, n, hashes.length),
  encodeTile(hashes),
];
