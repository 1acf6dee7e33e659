import pg from 'pg';
import { encodeEntryBundle, encodeTile, leafHash, parseTilePath, tileWidth } from '#merkle';
import { type LogFiles, checkpointFile } from '../domain/log-files.js';

const schema = 'audit';

const statements = {
  checkpoint: {
    name: 'log-checkpoint',
    text: `SELECT note FROM ${schema}.checkpoint ORDER BY tree_size DESC LIMIT 1`,
  },
  entries: {
    name: 'log-entries',
    text: `SELECT (leaf_index - $1)::integer AS place, entry FROM ${schema}.entry
           WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index`,
  },
  tile: { name: 'log-tile', text: `SELECT hashes FROM ${schema}.tile WHERE tile_level = $1 AND n = $2` },
  roots: {
    name: 'log-tile-roots',
    text: `SELECT root FROM ${schema}.tile WHERE tile_level = $1 AND n >= $2 AND n < $3 ORDER BY n`,
  },
} as const;

/** The hub's own database as if it were the published log: for its operator, where HTTP shows something else or nothing. */
export class LogInDatabase implements LogFiles {
  private readonly pool: pg.Pool;

  constructor(readonly url: string) {
    this.pool = new pg.Pool({ connectionString: url, max: 4 });
  }

  async read(path: string): Promise<Buffer | undefined> {
    if (path === checkpointFile) {
      const { rows } = await this.pool.query<{ note: string }>(statements.checkpoint);
      return rows[0] && Buffer.from(rows[0].note, 'utf8');
    }
    const tile = parseTilePath(path);
    if (!tile) return undefined;
    const { level, n, width } = tile;
    if (level === 'entries') return bundleOf(await this.entries(n, width), width);
    if (width === tileWidth) {
      const { rows } = await this.pool.query<{ hashes: Buffer }>({ ...statements.tile, values: [level, n] });
      return rows[0]?.hashes;
    }
    // Partial tiles are not stored: they follow from what is below.
    const hashes =
      level === 0
        ? (await this.entries(n, width)).map(({ entry }) => leafHash(entry))
        : await this.roots(level, n, width);
    return hashes.length === width ? encodeTile(hashes) : undefined;
  }

  async query<R extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return (await this.pool.query<R>(text, [...values])).rows;
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  private async entries(n: number, width: number): Promise<{ place: number; entry: Buffer }[]> {
    const values = [n * tileWidth, n * tileWidth + width];
    return (await this.pool.query<{ place: number; entry: Buffer }>({ ...statements.entries, values })).rows;
  }

  private async roots(level: number, n: number, width: number): Promise<Buffer[]> {
    const values = [level - 1, n * tileWidth, n * tileWidth + width];
    const { rows } = await this.pool.query<{ root: Buffer }>({ ...statements.roots, values });
    return rows.map(({ root }) => root);
  }
}

/** Each entry at its place: an empty one, which no entry is, where a row is missing, so that the others are not moved. */
function bundleOf(rows: readonly { place: number; entry: Buffer }[], width: number): Buffer | undefined {
  if (rows.length === 0) return undefined;
  const entries: Buffer[] = Array.from({ length: width }, () => Buffer.alloc(0));
  for (const { place, entry } of rows) entries[place] = entry;
  return encodeEntryBundle(entries);
}
