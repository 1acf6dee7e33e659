import { type LoggedHubKey, LoggedKeys, decodeEntry, readStatement } from '#envelope';
import { AppError } from '#kernel';
import type { Queryable } from './log-store.js';
import { auditSchema as s } from './schema.js';

/** The log's own keys by its clear leaves, and the leaves that say so, in their order. Errors: LOG_INCONSISTENT. */
export async function loggedLogKeys(client: Queryable): Promise<{
  readonly keys: readonly LoggedHubKey[];
  readonly leaves: readonly { readonly leafIndex: number; readonly entry: Buffer }[];
}> {
  const { rows } = await client.query<{ leafIndex: number; entry: Buffer }>({
    name: `${s}.hub-key-leaves`,
    text: `SELECT leaf_index::float8 AS "leafIndex", entry FROM ${s}.entry_index JOIN ${s}.entry USING (leaf_index)
           WHERE type = 'hub-key' ORDER BY leaf_index`,
  });
  const known = new LoggedKeys();
  const leaves: typeof rows = [];
  for (const row of rows) {
    const decoded = decodeEntry(row.entry);
    if (!decoded.ok || decoded.value.kind !== 'clear' || decoded.value.record.type !== 'hub-key') continue;
    const { record } = decoded.value;
    const statement = readStatement('hub-key', record.record);
    if (!statement.ok || statement.value.payload.use !== 'log') continue;
    const applied = await known.apply(record, row.leafIndex);
    if (!applied.ok) throw new AppError('LOG_INCONSISTENT', 'the log announces a key of its own that nothing leads to');
    if (applied.value.type === 'hub-key') leaves.push(row);
  }
  return { keys: known.logKeys(), leaves };
}
