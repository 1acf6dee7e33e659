import pg from 'pg';
import { type LogKeyLink, LoggedKeys, type Tombstone, decodeEntry, formatLogKeyLinks, logKeysFile } from '#envelope';
import {
  assembleInclusionProof,
  encodeEntryBundle,
  encodeTile,
  formatProof,
  inclusionProofNodes,
  leafHash,
  parseTilePath,
  readNodes,
  tileWidth,
} from '#merkle';
import { tombstoneIn } from '../domain/buried.js';
import { type LogFiles, checkpointFile, cosignedFile } from '../domain/log-files.js';
import { keyEntryOf } from '../domain/log-keys.js';

const schema = 'audit';

const statements = {
  checkpoint: {
    name: 'log-checkpoint',
    text: `SELECT note FROM ${schema}.checkpoint ORDER BY tree_size DESC LIMIT 1`,
  },
  cosigned: {
    name: 'log-cosigned',
    text: `SELECT note FROM ${schema}.witnessed_checkpoint ORDER BY tree_size DESC LIMIT 1`,
  },
  // In one piece, as the driver makes a string of each value that it is given.
  sealed: {
    name: 'log-sealed',
    text: `SELECT string_agg(int8send(leaf_index) || int4send(length(entry)) || int4send(length(body)) ||
             int4send(length(wrapped)) || int4send(length(id)) || entry || body || wrapped || id, ''
             ORDER BY leaf_index) AS rows
           FROM ${schema}.entry JOIN ${schema}.entry_secret USING (leaf_index), convert_to(kek, 'UTF8') AS id
           WHERE leaf_index >= $1 AND leaf_index < $2 AND body IS NOT NULL`,
  },
  entries: {
    name: 'log-entries',
    text: `SELECT (leaf_index - $1)::integer AS place, entry FROM ${schema}.entry
           WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index`,
  },
  tombstones: {
    name: 'log-tombstones',
    text: `SELECT leaf_index::float8 AS index, entry FROM ${schema}.entry
           WHERE get_byte(entry, 0) = 2 AND position('"type":"tombstone"'::bytea IN entry) > 0 ORDER BY leaf_index`,
  },
  hubKeys: `SELECT leaf_index::float8 AS index, entry, tree_size::float8 AS size, note FROM ${schema}.entry
    JOIN LATERAL (SELECT tree_size, note FROM ${schema}.checkpoint WHERE tree_size > leaf_index ORDER BY tree_size LIMIT 1)
      AS over ON true
    WHERE get_byte(entry, 0) = 2 AND position('"type":"hub-key"'::bytea IN entry) > 0 ORDER BY leaf_index`,
  tile: { name: 'log-tile', text: `SELECT hashes FROM ${schema}.tile WHERE tile_level = $1 AND n = $2` },
  roots: {
    name: 'log-tile-roots',
    text: `SELECT root FROM ${schema}.tile WHERE tile_level = $1 AND n >= $2 AND n < $3 ORDER BY n`,
  },
} as const;

/** A sealed body with the secret that opens it, wrapped under the key of that id. */
export interface SealedRow {
  readonly index: number;
  readonly entry: Buffer;
  readonly body: Buffer;
  readonly wrapped: Buffer;
  readonly kek: string;
}

export interface CheckpointRow {
  readonly size: number;
  readonly root: Buffer;
  readonly note: string;
}

/** The hub's own database as if it were the published log: for its operator, where HTTP shows something else or nothing. */
export class LogInDatabase implements LogFiles {
  private readonly pool: pg.Pool;

  constructor(readonly url: string) {
    this.pool = new pg.Pool({ connectionString: url, max: 4 });
    // An idle connection that the server ends; the next query takes another one.
    this.pool.on('error', () => undefined);
  }

  async read(path: string): Promise<Buffer | undefined> {
    if (path === checkpointFile || path === cosignedFile) {
      const statement = path === checkpointFile ? statements.checkpoint : statements.cosigned;
      const { rows } = await this.pool.query<{ note: string }>(statement);
      return rows[0] && Buffer.from(rows[0].note, 'utf8');
    }
    if (path === logKeysFile) return this.keyLinks();
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

  /** Bodies that were not erased, in the order of their entries. */
  async sealed(first: number, end: number): Promise<SealedRow[]> {
    const { rows } = await this.pool.query<{ rows: Buffer | null }>({ ...statements.sealed, values: [first, end] });
    return rows.flatMap((one) => sealedRowsIn(one.rows ?? Buffer.alloc(0)));
  }

  /** Stored checkpoints in the order of their sizes. */
  checkpoints(table: 'checkpoint' | 'witnessed_checkpoint', after: number, limit: number): Promise<CheckpointRow[]> {
    return this.query<CheckpointRow>(
      `SELECT tree_size::float8 AS size, root, note FROM ${schema}.${table}
       WHERE tree_size > $1 ORDER BY tree_size LIMIT $2`,
      [after, limit],
    );
  }

  /** From the leaves themselves: an index can say what it likes. */
  async tombstones(): Promise<{ readonly index: number; readonly tombstone: Tombstone }[]> {
    const { rows } = await this.pool.query<{ index: number; entry: Buffer }>(statements.tombstones);
    return rows.flatMap(({ index, entry }) => {
      const tombstone = tombstoneIn(entry);
      return tombstone ? [{ index, tombstone }] : [];
    });
  }

  async query<R extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return (await this.pool.query<R>(text, [...values])).rows;
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  /** As audit publishes them: each leaf about a key of the log under the first checkpoint that covers it. */
  private async keyLinks(): Promise<Buffer | undefined> {
    const known = new LoggedKeys();
    const links: LogKeyLink[] = [];
    const rows = await this.query<{ index: number; entry: Buffer; size: number; note: string }>(statements.hubKeys);
    for (const { index, entry, size, note } of rows) {
      const decoded = decodeEntry(entry);
      const record = decoded.ok && decoded.value.kind === 'clear' ? decoded.value.record : undefined;
      if (!record || keyEntryOf(index, record).length === 0) continue;
      const applied = await known.apply(record, index);
      if (!applied.ok || applied.value.type !== 'hub-key') continue;
      const nodes = await readNodes(inclusionProofNodes(index, size), size, (path) => this.read(path));
      const proof = assembleInclusionProof(index, size, nodes);
      links.push({ entry, proof: formatProof({ index, proof, checkpoint: note }) });
    }
    return links.length === 0 ? undefined : Buffer.from(formatLogKeyLinks(links), 'utf8');
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

function sealedRowsIn(bytes: Buffer): SealedRow[] {
  const rows: SealedRow[] = [];
  for (let at = 0; at < bytes.length;) {
    const index = Number(bytes.readBigInt64BE(at));
    let part = at + 24;
    const [entry, body, wrapped, id] = [8, 12, 16, 20].map((length) => {
      const begin = part;
      return bytes.subarray(begin, (part += bytes.readUInt32BE(at + length)));
    }) as [Buffer, Buffer, Buffer, Buffer];
    rows.push({ index, entry, body, wrapped, kek: id.toString('utf8') });
    at = part;
  }
  return rows;
}

/** Each entry at its place: an empty one, which no entry is, where a row is missing, so that the others are not moved. */
function bundleOf(rows: readonly { place: number; entry: Buffer }[], width: number): Buffer | undefined {
  if (rows.length === 0) return undefined;
  const entries: Buffer[] = Array.from({ length: width }, () => Buffer.alloc(0));
  for (const { place, entry } of rows) entries[place] = entry;
  return encodeEntryBundle(entries);
}
