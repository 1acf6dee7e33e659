import { type LogFault, faultOf } from '../domain/log-fault.js';
import type { LogInDatabase } from '../infra/log-in-database.js';

const atMost = 200;

/**
 * What only the database itself shows: rows that somebody deleted or doubled past the triggers. A body is without its index
 * row and its secret when it was erased, and only then.
 */
export async function checkRows(database: LogInDatabase, size: number): Promise<LogFault[]> {
  const [missing, doubled, halfErased, beyond] = await Promise.all([
    database.query<{ index: number }>(
      `SELECT index::float8 FROM generate_series(0, $1::bigint - 1) AS index
       WHERE NOT EXISTS (SELECT FROM audit.entry WHERE leaf_index = index) ORDER BY index LIMIT ${atMost}`,
      [size],
    ),
    database.query<{ index: number }>(
      `SELECT leaf_index::float8 AS index FROM audit.entry GROUP BY leaf_index HAVING count(*) > 1
       ORDER BY leaf_index LIMIT ${atMost}`,
    ),
    database.query<{ index: number; lost: string }>(
      `SELECT leaf_index::float8 AS index, CASE WHEN secret.leaf_index IS NULL THEN 'secret' ELSE 'index row' END AS lost
       FROM audit.entry LEFT JOIN audit.entry_secret AS secret USING (leaf_index)
         LEFT JOIN audit.entry_index AS indexed USING (leaf_index)
       WHERE body IS NOT NULL AND (secret.leaf_index IS NULL) <> (indexed.leaf_index IS NULL)
       ORDER BY leaf_index LIMIT ${atMost}`,
    ),
    database.query<{ index: number }>(
      `SELECT leaf_index::float8 AS index FROM audit.entry WHERE leaf_index >= $1 ORDER BY leaf_index LIMIT ${atMost}`,
      [size],
    ),
  ]);
  return [
    ...missing.map(({ index }) => faultOf('row-missing', 'The row of this entry is gone.', { index })),
    ...doubled.map(({ index }) => faultOf('index-reused', 'Two rows have this index.', { index })),
    ...halfErased.map(({ index, lost }) =>
      faultOf('row-missing', `Its ${lost} is gone, and nothing says that it was erased.`, { index }),
    ),
    ...beyond.map(({ index }) => faultOf('entry-extra', 'No checkpoint covers this entry.', { index })),
  ];
}
