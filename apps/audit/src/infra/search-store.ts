import type { QueryConfig, QueryResultRow } from 'pg';
import type { Chain } from '#envelope';
import { commonTypes } from '../domain/entry-types.js';
import type { EntryFilter } from '../domain/entry-filter.js';
import type { Queryable } from './log-store.js';
import { auditSchema as s, chainNamed, hasPlace, placesOfRuns, placesWithin } from './schema.js';

/** Index rows that one page looks at, at most: what fits seldom is found over several pages, each as quick as the others. */
const looksPerPage = 2_000;
/** Where a chain is asked about each of them, which takes longer than all the rest. */
const looksAskingChains = 1_250;
/** Where every row fits but what was erased. */
const looksOfEntry = 4;

interface Way {
  readonly name: string;
  /** Rows of one index, of which each has a leaf_index. */
  readonly rows: string;
  /** By what that index has them in the order of their leaves; `leaf_index` where nothing is said. */
  readonly order?: string;
  readonly key: (filter: EntryFilter, chain: Chain | undefined) => string | undefined;
}

const ofChain = {
  rows: `${placesOfRuns} WHERE ${placesWithin(chainNamed('$1'), '$2::bigint', '$3::bigint')}`,
  order: 'run.last_leaf, leaf_index',
};

/** Ways into the index, the most selective first: the first for which the question has a key is taken. */
const ways: readonly Way[] = [
  { name: 'message', rows: `${s}.entry_index WHERE message_id = $1::uuid`, key: ({ messageId }) => messageId },
  { name: 'exchange', rows: `${s}.entry_index WHERE exchange_id = $1::uuid`, key: ({ exchangeId }) => exchangeId },
  { name: 'subject', ...ofChain, key: ({ subject }) => subject },
  { name: 'worker', rows: `${s}.entry_index WHERE worker = $1`, key: ({ worker }) => worker },
  { name: 'code', rows: `${s}.entry_index WHERE code = $1`, key: ({ code }) => code },
  {
    name: 'type',
    rows: `${s}.entry_index WHERE type = $1 AND type NOT IN (${commonTypes.map((type) => `'${type}'`).join(', ')})`,
    key: ({ type }) => (type !== undefined && !(commonTypes as readonly string[]).includes(type) ? type : undefined),
  },
  { name: 'chain', ...ofChain, key: (_filter, chain) => chain },
  { name: 'all', rows: `${s}.entry_index WHERE $1::text IS NULL`, key: () => undefined },
];

const textOf = ({ name, rows, order = 'leaf_index' }: Way): QueryConfig => ({
  name: `${s}.search-by-${name}`,
  text: `WITH needed AS MATERIALIZED (
           SELECT id FROM unnest($12::text[]) AS asked (name) LEFT JOIN ${s}.chain USING (name)
         ), seen AS MATERIALIZED (
           SELECT leaf_index FROM ${rows} AND leaf_index >= $2 AND leaf_index < $3
           ORDER BY ${order} LIMIT $4
         ), fits AS (
           SELECT leaf_index FROM seen JOIN ${s}.entry_index AS i USING (leaf_index)
             JOIN ${s}.entry_secret USING (leaf_index)
           WHERE ($5::text IS NULL OR i.worker = $5) AND ($6::integer IS NULL OR $6 = ANY (i.categories))
             AND ($7::text IS NULL OR $7 = ANY (i.basis)) AND ($8::text IS NULL OR i.type = $8)
             AND ($9::text IS NULL OR i.code = $9) AND ($10::uuid IS NULL OR i.exchange_id = $10)
             AND ($11::uuid IS NULL OR i.message_id = $11)
             AND NOT EXISTS (SELECT FROM needed WHERE NOT ${hasPlace('needed.id', 'i.leaf_index')})
           ORDER BY leaf_index LIMIT $13
         )
         SELECT array(SELECT leaf_index::float8 FROM fits ORDER BY leaf_index) AS leaves,
                (SELECT count(*) FROM seen)::integer AS looks, (SELECT max(leaf_index) FROM seen)::float8 AS last`,
});
const statements = new Map(ways.map((way) => [way, textOf(way)]));

export interface SoughtPage {
  readonly filter: EntryFilter;
  /** Whose entries alone may be found; undefined for all. */
  readonly own: Chain | undefined;
  readonly from: number;
  readonly end: number;
  readonly limit: number;
}

export interface FoundPage {
  readonly leaves: readonly number[];
  /** Where the next page begins; undefined at the end. */
  readonly next: number | undefined;
}

/** Leaves that fit, in their order, with a body that was not erased. */
export async function findEntries(
  client: Queryable,
  { filter, own, from, end, limit }: SoughtPage,
): Promise<FoundPage> {
  const needed = [own, filter.agency, filter.subject].filter((chain) => chain !== undefined);
  const way = ways.find(({ key }) => key(filter, needed[0]) !== undefined) ?? ways.at(-1);
  const statement = way && statements.get(way);
  const key = way?.key(filter, needed[0]);
  if (!statement || from >= end) return { leaves: [], next: undefined };
  // What was found by a chain is in it.
  const others = needed.filter((chain) => chain !== key);
  const { worker, category, basis, type, code, exchangeId, messageId } = filter;
  const words = [worker, category, basis, type, code, exchangeId, messageId].map((word) => word ?? null);
  const isKeyAlone = [...words, ...others].every((word) => word === null || word === key);
  const bound = others.length > 0 ? looksAskingChains : looksPerPage;
  const mostLooks = isKeyAlone ? Math.min(bound, looksOfEntry * limit) : bound;
  const { rows } = await client.query<{ leaves: number[]; looks: number; last: number | null } & QueryResultRow>({
    ...statement,
    values: [key ?? null, from, end, mostLooks, ...words, others, limit],
  });
  const { leaves = [], looks = 0, last = null } = rows[0] ?? {};
  const reached = leaves.length === limit ? leaves.at(-1) : looks === mostLooks ? last : null;
  const next = typeof reached === 'number' ? reached + 1 : end;
  return { leaves, next: next < end ? next : undefined };
}

/** Indices that were logged in a time: from the first (included) to the last (not included) of the log as it stands. */
export async function indicesLogged(
  client: Queryable,
  { from, until }: { readonly from?: Date | undefined; readonly until?: Date | undefined },
): Promise<{ first: number; end: number }> {
  const sizeBefore = (place: number): string =>
    `(SELECT tree_size FROM ${s}.checkpoint WHERE made_at < $${place} ORDER BY made_at DESC, tree_size DESC LIMIT 1)`;
  const { rows } = await client.query<{ first: number; end: number } & QueryResultRow>({
    name: `${s}.indices-logged`,
    text: `SELECT coalesce(${sizeBefore(1)}, 0)::float8 AS first,
             coalesce(CASE WHEN $2::timestamptz IS NULL
               THEN (SELECT tree_size FROM ${s}.checkpoint ORDER BY tree_size DESC LIMIT 1)
               ELSE ${sizeBefore(2)} END, 0)::float8 AS end`,
    values: [from ?? null, until ?? null],
  });
  return rows[0] ?? { first: 0, end: 0 };
}

const secretOf = `EXISTS (SELECT FROM ${s}.entry_secret AS e WHERE e.leaf_index = place.leaf_index)`;

/** The chain's newest entry below an index, or its oldest from an index on, of those that can still be opened. */
export async function boundOf(
  client: Queryable,
  chain: Chain,
  {
    below,
    from,
  }: ({ readonly below: number } & { readonly from?: never }) | { readonly from: number; readonly below?: never },
): Promise<number | undefined> {
  const [side, order] = from === undefined ? ['before', 'DESC'] : ['after', 'ASC'];
  const [first, end] = from === undefined ? ['0::bigint', '$2::bigint'] : ['$2::bigint', `${2n ** 62n}`];
  const { rows } = await client.query<{ leafIndex: number } & QueryResultRow>({
    name: `${s}.chain-${side}`,
    text: `SELECT leaf_index::float8 AS "leafIndex" FROM ${placesOfRuns}
           WHERE ${placesWithin(chainNamed('$1'), first, end)} AND run.number IS NOT NULL AND ${secretOf}
           ORDER BY run.last_leaf ${order}, leaf_index ${order} LIMIT 1`,
    values: [chain, from ?? below],
  });
  return rows[0]?.leafIndex;
}

/** Numbers of a chain whose bodies were erased, from one index to another. */
export async function erasedOf(
  client: Queryable,
  chain: Chain,
  { from, end }: { readonly from: number; readonly end: number },
): Promise<{ leafIndex: number; number: number }[]> {
  const { rows } = await client.query<{ leafIndex: number; number: number } & QueryResultRow>({
    name: `${s}.chain-erased`,
    text: `SELECT leaf_index::float8 AS "leafIndex", (run.number + place.at - 1)::float8 AS number FROM ${placesOfRuns}
           WHERE ${placesWithin(chainNamed('$1'), '$2::bigint', '$3::bigint')} AND run.number IS NOT NULL AND NOT ${secretOf}
           ORDER BY leaf_index`,
    values: [chain, from, end],
  });
  return rows;
}
