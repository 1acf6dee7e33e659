import { CompactRange, type LogVerifier, decodeTile, openCheckpoint, tilePath, tileWidth, widthAt } from '#merkle';
import { type LogFault, faultOf } from '../domain/log-fault.js';
import type { LogInDatabase } from '../infra/log-in-database.js';

/** Rows that are fetched at once. */
const page = 2_000;
const tables = ['checkpoint', 'witnessed_checkpoint'] as const;

/**
 * Every checkpoint that the database holds: signed by the log, for the size of its row, and with the root that the tree has
 * at that size. The tiles were compared with the entries before; a log of a million entries is walked once for each table.
 */
export async function checkCheckpoints(
  database: LogInDatabase,
  { size, verifier }: { readonly size: number; readonly verifier: LogVerifier },
): Promise<LogFault[]> {
  const found: LogFault[] = [];
  for (const table of tables) {
    const roots = new GrowingTree(database, size);
    for (let after = -1; ;) {
      const rows = await database.checkpoints(table, after, page);
      for (const row of rows) {
        const place = { path: `${table}/${row.size}`, index: row.size };
        const opened = openCheckpoint(row.note, verifier);
        const root = await roots.rootAt(row.size);
        if (!opened.ok) found.push(faultOf('checkpoint-invalid', opened.error.detail, place));
        else if (opened.value.size !== row.size || !opened.value.root.equals(row.root))
          found.push(faultOf('checkpoint-invalid', 'The note is not of the size and root of its row.', place));
        else if (root && !root.equals(row.root))
          found.push(faultOf('forked', 'This signed root is not that of the entries.', place));
      }
      if (rows.length < page) break;
      after = rows.at(-1)?.size ?? after;
    }
  }
  return found;
}

/** The tree over the lowest tiles, which only grows. */
class GrowingTree {
  private readonly range = CompactRange.empty();
  private tile: { readonly n: number; readonly hashes: readonly Buffer[] } | undefined;

  constructor(
    private readonly database: LogInDatabase,
    private readonly size: number,
  ) {}

  /** Sizes in rising order. Undefined beyond the log, and where its tiles are broken, which is named elsewhere. */
  async rootAt(size: number): Promise<Buffer | undefined> {
    if (size > this.size) return undefined;
    while (this.range.size < size) {
      const hash = await this.leaf(this.range.size);
      if (!hash) return undefined;
      this.range.append(hash);
    }
    return this.range.root();
  }

  private async leaf(index: number): Promise<Buffer | undefined> {
    const n = Math.floor(index / tileWidth);
    if (this.tile?.n !== n) {
      const width = widthAt(n, this.size);
      const bytes = await this.database.read(tilePath(0, n, width));
      const tile = decodeTile(bytes ?? Buffer.alloc(0), width);
      this.tile = { n, hashes: tile.ok ? tile.value : [] };
    }
    return this.tile.hashes[index % tileWidth];
  }
}
