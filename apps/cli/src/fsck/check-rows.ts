import { Buried } from '../domain/buried.js';
import { type LogFault, faultOf } from '../domain/log-fault.js';
import type { LogInDatabase } from '../infra/log-in-database.js';

const atMost = 200;

/**
 * What only the database itself shows: rows that somebody deleted or doubled past the triggers, and for every opaque entry a
 * body with secret and index row, or a tombstone and nothing of them.
 */
export async function checkRows(database: LogInDatabase, size: number): Promise<LogFault[]> {
  const buried = new Buried((await database.tombstones()).flatMap(({ tombstone }) => tombstone.indices));
  const named = multirangeOf(buried);
  const [missing, doubled, halfErased, beyond, neither, both, unsealed] = await Promise.all([
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
         AND NOT $1::int8multirange @> leaf_index
       ORDER BY leaf_index LIMIT ${atMost}`,
      [named],
    ),
    database.query<{ index: number }>(
      `SELECT leaf_index::float8 AS index FROM audit.entry WHERE leaf_index >= $1 ORDER BY leaf_index LIMIT ${atMost}`,
      [size],
    ),
    database.query<{ index: number }>(
      `SELECT leaf_index::float8 AS index FROM audit.entry
       WHERE get_byte(entry, 0) <> 2 AND NOT $1::int8multirange @> leaf_index
         AND (body IS NULL OR NOT EXISTS (SELECT FROM audit.entry_secret AS s WHERE s.leaf_index = entry.leaf_index)
           AND NOT EXISTS (SELECT FROM audit.entry_index AS i WHERE i.leaf_index = entry.leaf_index))
       ORDER BY leaf_index LIMIT ${atMost}`,
      [named],
    ),
    database.query<{ index: number }>(
      `SELECT leaf_index::float8 AS index FROM audit.entry
       WHERE get_byte(entry, 0) <> 2 AND $1::int8multirange @> leaf_index
         AND (body IS NOT NULL OR EXISTS (SELECT FROM audit.entry_secret AS s WHERE s.leaf_index = entry.leaf_index)
           OR EXISTS (SELECT FROM audit.entry_index AS i WHERE i.leaf_index = entry.leaf_index))
       ORDER BY leaf_index LIMIT ${atMost}`,
      [named],
    ),
    database.query<{ index: number }>(
      `SELECT leaf_index::float8 AS index FROM audit.entry
       WHERE get_byte(entry, 0) = 2 AND $1::int8multirange @> leaf_index ORDER BY leaf_index LIMIT ${atMost}`,
      [named],
    ),
  ]);
  const last = buried.ranges.at(-1)?.last ?? -1;
  return [
    ...missing.map(({ index }) => faultOf('row-missing', 'The row of this entry is gone.', { index })),
    ...doubled.map(({ index }) => faultOf('index-reused', 'Two rows have this index.', { index })),
    ...halfErased.map(({ index, lost }) =>
      faultOf('row-missing', `Its ${lost} is gone, and nothing says that it was erased.`, { index }),
    ),
    ...neither.map(({ index }) => faultOf('body-missing', 'Neither its body nor a tombstone is there.', { index })),
    ...both.map(({ index }) => faultOf('body-not-erased', 'A tombstone says that this body was erased.', { index })),
    ...[...unsealed, ...(last >= size ? [{ index: last }] : [])].map(({ index }) =>
      faultOf('tombstone-without-leaf', 'A tombstone names an entry that was never sealed.', { index }),
    ),
    ...beyond.map(({ index }) => faultOf('entry-extra', 'No checkpoint covers this entry.', { index })),
  ];
}

const multirangeOf = ({ ranges }: Buried): string =>
  `{${ranges.map(({ first, last }) => `[${first},${last}]`).join(',')}}`;
