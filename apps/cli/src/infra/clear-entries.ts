import {
  type ClearRecord,
  type ListedEntry,
  clearListFile,
  decodeEntry,
  listedEntryOf,
  parseClearList,
} from '#envelope';
import { AppError, unwrap } from '#kernel';
import {
  type Checkpoint,
  CompactRange,
  assembleInclusionProof,
  decodeEntryBundle,
  entryBundlePath,
  inclusionProofNodes,
  leafHash,
  readNodes,
  rootNodes,
  tileWidth,
  verifyInclusion,
  widthAt,
} from '#merkle';
import type { LogFiles } from '../domain/log-files.js';
import { TiledSource } from '../export-log/tiled-source.js';

/** Bundles that are fetched at the same time. */
const together = 8;

/** The signed tree, and the size up to which the log's files are there. */
export interface SignedLog {
  readonly files: LogFiles;
  readonly tree: Pick<Checkpoint, 'size' | 'root'>;
  readonly published: number;
}

export interface ClearEntry {
  readonly index: number;
  readonly entry: Buffer;
  readonly record: ClearRecord;
}

/**
 * All entries in clear of the signed tree that are wanted, in their order. Those that the log's newest `clear-list` entry is about
 * are found by its list, each compared with it; all entries since then are read, and the root computed from them. Where there is
 * no such list, or one that the tree does not bear out, every entry is read (decision 0042). Errors: LOG_INCONSISTENT.
 */
export async function clearEntries(
  log: SignedLog,
  wanted: (one: ListedEntry) => boolean,
  onProgress?: (done: number, of: number) => void,
): Promise<ClearEntry[]> {
  const { size } = log.tree;
  const list = await provedList(log);
  const listed = list?.entries.filter(wanted) ?? [];
  const from = list?.size ?? 0;
  const of = listed.length + size - from;
  const read = await entriesAt(
    log,
    listed.map(({ index }) => index),
  );
  const found = listed.map(({ index, leaf }): ClearEntry => {
    const entry = read.get(index);
    const decoded = entry && leafHash(entry).toString('base64') === leaf ? decodeEntry(entry) : undefined;
    if (!entry || !decoded?.ok || decoded.value.kind !== 'clear')
      throw new AppError('LOG_INCONSISTENT', `Entry ${index} is another than the log has listed.`);
    return { index, entry, record: decoded.value.record };
  });
  onProgress?.(listed.length, of);
  const further = await clearSince(log, from, (done) => onProgress?.(listed.length + done, of));
  return [...found, ...further.filter(({ index, entry, record }) => wanted(listedEntryOf(index, entry, record)))];
}

/** The entries at these indices, as the published bundles have them: nothing is proved by that. Errors: LOG_INCONSISTENT. */
export async function entriesAt(
  { files, tree, published }: SignedLog,
  indices: readonly number[],
): Promise<ReadonlyMap<number, Buffer>> {
  const entries = new Map<number, Buffer>();
  const wanted = new Set(indices);
  const numbers = [...new Set(indices.map((index) => Math.floor(index / tileWidth)))];
  for (let from = 0; from < numbers.length; from += together)
    await Promise.all(
      numbers.slice(from, from + together).map(async (n) => {
        const width = widthAt(n, published);
        const bytes = n * tileWidth < tree.size ? await files.read(entryBundlePath(n, width)) : undefined;
        if (!bytes) throw new AppError('LOG_INCONSISTENT', `The published log ends before entry ${n * tileWidth}.`);
        const bundle = unwrap(decodeEntryBundle(bytes, width));
        for (const [at, entry] of bundle.entries())
          if (wanted.has(n * tileWidth + at)) entries.set(n * tileWidth + at, Buffer.from(entry));
      }),
    );
  return entries;
}

/** What stands in clear below a size, by an entry of the signed tree. */
async function provedList(
  log: SignedLog,
): Promise<{ readonly size: number; readonly entries: readonly ListedEntry[] } | undefined> {
  const { files, tree, published } = log;
  const bytes = await files.read(clearListFile);
  const parsed = bytes && parseClearList(bytes);
  // Of a checkpoint from before, or a file that is behind or ahead.
  if (!parsed?.ok || parsed.value.statement >= tree.size) return undefined;
  const { statement: index, entries, digest } = parsed.value;
  const entry = (await entriesAt(log, [index])).get(index);
  const decoded = entry && decodeEntry(entry);
  const record = decoded?.ok && decoded.value.kind === 'clear' ? decoded.value.record : undefined;
  if (!entry || record?.type !== 'clear-list' || record.digest !== digest || record.size > index) return undefined;
  if ((entries.at(-1)?.index ?? -1) >= record.size) return undefined;
  const nodes = await readNodes(inclusionProofNodes(index, tree.size), published, (path) => files.read(path));
  const proof = assembleInclusionProof(index, tree.size, nodes);
  const included = verifyInclusion({ index, leafHash: leafHash(entry), proof, ...tree });
  return included.ok ? { size: record.size, entries } : undefined;
}

/** Every entry in clear from an index on: the tree up to there by its tiles, and from there by the entries, has the signed root. */
async function clearSince(
  { files, tree: { size, root }, published }: SignedLog,
  from: number,
  onProgress: (done: number) => void,
): Promise<ClearEntry[]> {
  const nodes = await readNodes(rootNodes(from), published, (path) => files.read(path));
  const edge = CompactRange.restore(
    from,
    rootNodes(from).map(({ level, index }) => nodes(level, index)),
  );
  const source = new TiledSource(files);
  const found: ClearEntry[] = [];
  while (edge.size < size) {
    const page = (await source.entries(edge.size, published)).slice(0, size - edge.size);
    if (page.length === 0) throw new AppError('LOG_INCONSISTENT', `The published log ends before entry ${edge.size}.`);
    for (const entry of page) {
      const decoded = decodeEntry(entry);
      if (decoded.ok && decoded.value.kind === 'clear')
        found.push({ index: edge.size, entry, record: decoded.value.record });
      edge.append(leafHash(entry));
    }
    onProgress(edge.size - from);
  }
  if (!edge.root().equals(root))
    throw new AppError('LOG_INCONSISTENT', 'The entries lead to another root than the signed one.');
  return found;
}
