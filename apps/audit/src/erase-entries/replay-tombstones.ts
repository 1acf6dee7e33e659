import { AppError, unwrap } from '#kernel';
import {
  assembleInclusionProof,
  decodeEntryBundle,
  entryBundlePath,
  inclusionProofNodes,
  leafHash,
  readNodes,
  tileWidth,
  verifyInclusion,
  widthAt,
} from '#merkle';
import type { Logger } from '#platform';
import { type ErasureStore, tombstoneIn } from '../infra/erasure-store.js';
import type { StoredCheckpoint } from '../infra/log-store.js';
import type { TileFolder } from '../publish-log/tile-folder.js';
import { eraseWhatTombstonesName } from './erasure-run.js';

/**
 * Before anything is served: what tombstones name is gone from this database, also when it was restored from an earlier state.
 * Tombstones that it lost are read from the public log, each with its proof, since a database that is behind that log is
 * opened for nothing else (the appender stops).
 */
export async function replayTombstones(options: {
  readonly store: ErasureStore;
  readonly folder: TileFolder;
  /** What everybody may have seen. */
  readonly published: StoredCheckpoint | undefined;
  /** Entries that the database has. */
  readonly size: number;
  readonly logger: Pick<Logger, 'warn'>;
}): Promise<number> {
  const { store, folder, published, size, logger } = options;
  if (published && published.size > size) {
    logger.warn({ size, published: published.size }, 'the database is behind the public log');
    for (let n = Math.floor(size / tileWidth); n * tileWidth < published.size; n += 1) {
      for (const [index, entry] of await bundleOf(folder, n, published.size)) {
        if (index < size || !tombstoneIn(entry)) continue;
        await proveEntry(folder, { index, entry, published });
        await store.keepPublished(index, entry);
      }
    }
  }
  const erased = await eraseWhatTombstonesName(store, await store.tombstones());
  if (erased > 0) logger.warn({ erased }, 'bodies that tombstones name were erased again');
  return erased;
}

async function bundleOf(folder: TileFolder, n: number, size: number): Promise<[number, Buffer][]> {
  const width = widthAt(n, size);
  const bytes = await folder.readPublic(entryBundlePath(n, width));
  if (!bytes) throw new AppError('LOG_INCONSISTENT', `the public log lacks bundle ${n}, which its checkpoint implies`);
  return unwrap(decodeEntryBundle(bytes, width)).map((entry, at) => [n * tileWidth + at, Buffer.from(entry)]);
}

/** What somebody wrote into the folder erases nothing. Errors: LOG_INCONSISTENT, RECEIPT_INVALID. */
async function proveEntry(
  folder: TileFolder,
  { index, entry, published }: { readonly index: number; readonly entry: Buffer; readonly published: StoredCheckpoint },
): Promise<void> {
  const { size, root } = published;
  const get = await readNodes(inclusionProofNodes(index, size), size, (path) => folder.readPublic(path));
  const proof = assembleInclusionProof(index, size, get);
  unwrap(verifyInclusion({ index, size, root, leafHash: leafHash(entry), proof }));
}
