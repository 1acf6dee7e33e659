import { type ClearRecord, type ListedEntry, decodeEntry, listedEntryOf } from '#envelope';
import { AppError } from '#kernel';
import type { Queryable } from './log-store.js';
import { auditSchema as s } from './schema.js';

type ClearListRecord = Extract<ClearRecord, { type: 'clear-list' }>;

/** All that stand in clear below an index, in their order, by what the tree hashes of them. Errors: LOG_INCONSISTENT. */
export async function listClearEntries(client: Queryable, below: number): Promise<ListedEntry[]> {
  const { rows } = await client.query<{ leafIndex: number; entry: Buffer }>({
    name: `${s}.clear-entries`,
    text: `SELECT leaf_index::float8 AS "leafIndex", entry FROM ${s}.entry
           WHERE get_byte(entry, 0) = 2 AND leaf_index < $1 ORDER BY leaf_index`,
    values: [below],
  });
  return rows.map(({ leafIndex, entry }) => {
    const decoded = decodeEntry(entry);
    if (!decoded.ok || decoded.value.kind !== 'clear')
      throw new AppError('LOG_INCONSISTENT', `entry ${leafIndex} is none of this log`);
    return listedEntryOf(leafIndex, entry, decoded.value.record);
  });
}

/** The newest entry that says which others stand in clear. */
export async function newestClearList(
  client: Queryable,
): Promise<{ readonly leafIndex: number; readonly record: ClearListRecord } | undefined> {
  const { rows } = await client.query<{ leafIndex: number; entry: Buffer }>({
    name: `${s}.newest-clear-list`,
    text: `SELECT leaf_index::float8 AS "leafIndex", entry FROM ${s}.entry
           WHERE get_byte(entry, 0) = 2 AND position('"type":"clear-list"'::bytea IN entry) > 0
           ORDER BY leaf_index DESC LIMIT 1`,
  });
  const decoded = rows[0] && decodeEntry(rows[0].entry);
  if (!rows[0] || !decoded?.ok || decoded.value.kind !== 'clear') return undefined;
  const { record } = decoded.value;
  return record.type === 'clear-list' ? { leafIndex: rows[0].leafIndex, record } : undefined;
}
