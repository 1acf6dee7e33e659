import { LoggedKeys, decodeEntry } from '#envelope';
import { AppError } from '#kernel';
import { CompactRange, leafHash } from '#merkle';
import { TiledSource } from '../export-log/tiled-source.js';
import { type OpenedLog, readCheckpoint } from './open-log.js';

/**
 * The keys of all agencies as the log has them: it is read whole, and its root computed from what was read, so no key and no
 * revocation is left out of it. A record that does not follow from earlier ones is passed over. Errors: NOT_FOUND, CHECKPOINT_INVALID,
 * LOG_INCONSISTENT.
 */
export async function keysInLog({ files, verifier }: Pick<OpenedLog, 'files' | 'verifier'>): Promise<LoggedKeys> {
  const { size, root } = await readCheckpoint(files, verifier);
  const source = new TiledSource(files);
  const edge = CompactRange.empty();
  const keys = new LoggedKeys();
  while (edge.size < size) {
    const page = (await source.entries(edge.size, size)).slice(0, size - edge.size);
    if (page.length === 0) throw new AppError('LOG_INCONSISTENT', `The published log ends before entry ${edge.size}.`);
    for (const entry of page) {
      const decoded = decodeEntry(entry);
      if (decoded.ok && decoded.value.kind === 'clear') await keys.apply(decoded.value.record, edge.size);
      edge.append(leafHash(entry));
    }
  }
  if (!edge.root().equals(root))
    throw new AppError('LOG_INCONSISTENT', 'The entries lead to another root than the signed one.');
  return keys;
}
