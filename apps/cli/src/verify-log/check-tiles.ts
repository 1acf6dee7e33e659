import { type BuiltTile, decodeTile, tilePath, tileWidth } from '#merkle';
import { type LogFault, faultOf } from '../domain/log-fault.js';

import type { LogFiles } from '../domain/log-files.js';

/** Is this tile in the folder, hash for hash? What is wrong with it otherwise. */
export async function checkTile(files: LogFiles, { level, n, hashes }: BuiltTile): Promise<LogFault | undefined> {
  const path = tilePath(level, n, hashes.length);
  /** Entries under one of its hashes. */
  const covered = tileWidth ** level;
  const index = n * tileWidth * covered;
  const bytes = await files.read(path);
  if (bytes === undefined)
    return faultOf('tile-missing', 'A tile that the checkpoint implies is missing.', { path, index });
  const tile = decodeTile(bytes, hashes.length);
  if (!tile.ok) return faultOf('tile-changed', 'The tile has another length.', { path, index });
  const place = tile.value.findIndex((hash, i) => !hash.equals(hashes[i]!));
  if (place < 0) return undefined;
  const first = (n * tileWidth + place) * covered;
  const detail = `The hash over entries ${first} to ${first + covered - 1} is another than theirs.`;
  return faultOf('tile-changed', detail, { path, index: first });
}
