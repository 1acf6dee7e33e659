import type { QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { enqueueText, enqueueValues, type OutboxRow } from '#messaging';
import { type Chain, type ChainHead, linkAfter } from '#envelope';
import type { IndexWord, Wanted } from '../append-entries/log-view.js';
import type { PlacedEntry } from '../append-entries/placed-entry.js';
import { consentTypes, messageTypes } from '../domain/entry-types.js';
import type { Tile, TileId } from '../tree/tile.js';
import type { TileSource } from '../tree/tiled-tree.js';
import { type ConsumedUpTo, moveOffsetsText, offsetValues } from './consumed-facts.js';
import { bigintArray, byteaArray, integerArray, textArray, timestamptzArray, uuidArray } from './binary-array.js';
import { auditSchema as s, chainNamed, hasPlace } from './schema.js';

/** A pool, or the appender's own connection. */
export interface Queryable {
  query<R extends QueryResultRow>(query: QueryConfig): Promise<QueryResult<R>>;
}

export interface StoredCheckpoint {
  readonly size: number;
  readonly root: Buffer;
  readonly note: string;
}

const eventIdText = `replace(event_id::text, '-', '')`;
/** What is committed, read in order from some size on. */
export interface CommittedLog {
  /** The largest checkpoint above `size` with at most `atMost` entries more, or the next one where that has more. */
  nextCheckpoint(size: number, atMost: number): Promise<StoredCheckpoint | undefined>;
  entries(from: number, to: number): Promise<Buffer[]>;
}

const lengthBytes = 2;

const quoted = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ');
const words = `leaf_index::float8 AS "leafIndex", type, extract(epoch FROM at)::float8 AS at, manifest_hash AS "manifestHash", recipient, actor, code,
  consent_id::text AS "consentId", consent_version AS "consentVersion", request_jti AS "requestJti",
  request_hash AS "requestHash"`;

const statements = {
  knownEvents: {
    name: `${s}.known-events`,
    text: `SELECT ${eventIdText} AS "eventId", leaf_index::float8 AS "leafIndex"
           FROM ${s}.entry WHERE event_id = ANY($1::uuid[])`,
  },
  /** Known events and index words in one look. A row with an event id is no word. */
  eventsAndWords: {
    name: `${s}.events-and-words`,
    text: `SELECT ${words}, NULL AS "eventId" FROM ${s}.entry_index
             WHERE manifest_hash = ANY($2::text[]) AND type IN (${quoted(messageTypes)})
           UNION ALL
           SELECT ${words}, NULL FROM ${s}.entry_index
             WHERE consent_id = ANY($3::uuid[]) AND type IN (${quoted(consentTypes)})
           UNION ALL
           SELECT ${words}, NULL FROM ${s}.entry_index WHERE request_jti = ANY($4::text[])
           UNION ALL
           SELECT leaf_index::float8, '', 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ${eventIdText}
             FROM ${s}.entry WHERE event_id = ANY($1::uuid[])`,
  },
  /** The whole batch with its events and the offsets behind it in one statement: one round trip, all or nothing. */
  append: {
    name: `${s}.append`,
    text: `WITH entries AS (
             INSERT INTO ${s}.entry (leaf_index, event_id, entry, body, appended_at)
             SELECT unnest($1::bigint[]), unnest($2::uuid[]), unnest($3::bytea[]), unnest($4::bytea[]), $27
           ), secrets AS (
             INSERT INTO ${s}.entry_secret (leaf_index, kek, wrapped)
             SELECT * FROM (
               SELECT unnest($1::bigint[]) AS leaf_index, unnest($5::text[]), unnest($6::bytea[]) AS wrapped) AS g
             WHERE wrapped IS NOT NULL
           ), indexed AS (
             INSERT INTO ${s}.entry_index (leaf_index, type, at, exchange_id, exchange_number, message_id, manifest_hash,
               sender, recipient, actor, worker, subjects, categories, basis, purpose, code, consent_id, consent_version,
               request_jti, request_hash, parties)
             SELECT leaf_index, type, happened_at, exchange_id, exchange_number, message_id, manifest_hash, sender,
               recipient, actor, worker, string_to_array(subjects, ' '), string_to_array(categories, ' ')::integer[],
               string_to_array(basis, ' '), purpose, code, consent_id, consent_version, request_jti, request_hash,
               string_to_array(parties, ' ')
             FROM (SELECT unnest($1::bigint[]) AS leaf_index, unnest($7::text[]) AS type,
               unnest($8::timestamptz[]) AS happened_at, unnest($9::uuid[]) AS exchange_id,
               unnest($10::integer[]) AS exchange_number, unnest($11::uuid[]) AS message_id,
               unnest($12::text[]) AS manifest_hash, unnest($13::text[]) AS sender, unnest($14::text[]) AS recipient,
               unnest($15::text[]) AS actor, unnest($16::text[]) AS worker, unnest($17::text[]) AS subjects,
               unnest($18::text[]) AS categories, unnest($19::text[]) AS basis, unnest($20::text[]) AS code,
               unnest($21::uuid[]) AS consent_id, unnest($22::integer[]) AS consent_version,
               unnest($23::text[]) AS request_jti, unnest($24::text[]) AS request_hash, unnest($25::text[]) AS parties,
               unnest($26::text[]) AS purpose) AS g
           ), runs AS (
             INSERT INTO ${s}.chain_run (chain, last_leaf, number, previous, link, leaves)
             SELECT chain, ($28::bigint[])[past], number, previous, link, ($28::bigint[])[past - count + 1:past]
             FROM (SELECT unnest($29::integer[]) AS chain, unnest($30::integer[]) AS past, unnest($31::integer[]) AS count,
               unnest($32::bigint[]) AS number, unnest($51::bigint[]) AS previous, unnest($52::bytea[]) AS link) AS g
           ), tiles AS (
             INSERT INTO ${s}.tile (tile_level, n, hashes, root)
             SELECT * FROM unnest($33::integer[], $34::bigint[], $35::bytea[], $36::bytea[])
           ), events AS (${enqueueText(s, 40)}
           ), offsets AS (${moveOffsetsText(44)}
           ), evidence AS (
             INSERT INTO ${s}.entry_evidence (leaf_index, sealed) SELECT * FROM unnest($47::bigint[], $48::bytea[])
           ), chains AS (
             INSERT INTO ${s}.chain (id, name) SELECT * FROM unnest($49::integer[], $50::text[])
           )
           INSERT INTO ${s}.checkpoint (tree_size, root, note, made_at) VALUES ($37, $38, $39, $27)`,
  },
  /** Numbers of these chains, with the newest entry of each. */
  chains: {
    name: `${s}.chains`,
    text: `SELECT name, id, number::float8 AS number, leaves::float8[] AS leaves, link
           FROM ${s}.chain LEFT JOIN LATERAL (
             SELECT number, leaves, link FROM ${s}.chain_run WHERE chain_run.chain = chain.id
               AND number IS NOT NULL ORDER BY last_leaf DESC LIMIT 1) AS newest ON true
           WHERE name = ANY ($1::text[])`,
  },
  lastChain: {
    name: `${s}.last-chain`,
    text: `SELECT coalesce(max(id), 0) AS id FROM ${s}.chain`,
  },
  lastLoggedAt: {
    name: `${s}.last-logged-at`,
    text: `SELECT coalesce(extract(epoch FROM max(made_at)) * 1000, 0)::float8 AS at FROM (
             SELECT made_at FROM ${s}.checkpoint ORDER BY tree_size DESC LIMIT 1) AS last`,
  },
  lastCheckpoint: {
    name: `${s}.last-checkpoint`,
    text: `SELECT tree_size::float8 AS size, root, note FROM ${s}.checkpoint ORDER BY tree_size DESC LIMIT 1`,
  },
  /** The largest of the next ones; a batch larger than that has its own. */
  nextCheckpoint: {
    name: `${s}.next-checkpoint`,
    text: `SELECT tree_size::float8 AS size, root, note FROM ${s}.checkpoint WHERE tree_size = coalesce(
             (SELECT max(tree_size) FROM ${s}.checkpoint WHERE tree_size > $1 AND tree_size <= $2),
             (SELECT min(tree_size) FROM ${s}.checkpoint WHERE tree_size > $1))`,
  },
  lastLeaf: {
    name: `${s}.last-leaf`,
    text: `SELECT coalesce(max(leaf_index) + 1, 0)::float8 AS size FROM ${s}.entry`,
  },
  tileRows: {
    name: `${s}.tile-rows`,
    text: `SELECT hashes FROM unnest($1::smallint[], $2::bigint[]) WITH ORDINALITY AS wanted (tile_level, n, at)
           LEFT JOIN ${s}.tile USING (tile_level, n) ORDER BY at`,
  },
  tileRoots: {
    name: `${s}.tile-roots`,
    text: `SELECT root FROM ${s}.tile WHERE tile_level = $1 AND n >= $2 AND n < $3 ORDER BY n`,
  },
  entries: {
    name: `${s}.entries`,
    text: `SELECT string_agg(substring(int4send(length(entry)) FROM 3) || entry, '' ORDER BY leaf_index) AS bundle
           FROM ${s}.entry WHERE leaf_index >= $1 AND leaf_index < $2`,
  },
  openings: {
    name: `${s}.openings`,
    text: `SELECT leaf_index::float8 AS "leafIndex", entry, body, wrapped, kek
           FROM ${s}.entry JOIN ${s}.entry_secret USING (leaf_index) WHERE leaf_index = ANY($1::bigint[])`,
  },
  evidence: {
    name: `${s}.evidence`,
    text: `SELECT leaf_index::float8 AS "leafIndex", sealed, wrapped, kek
           FROM ${s}.entry_evidence JOIN ${s}.entry_secret USING (leaf_index) WHERE leaf_index = ANY($1::bigint[])`,
  },
  /** $2: whose entries, null for all. */
  ofExchange: {
    name: `${s}.search-exchange`,
    text: `SELECT leaf_index::float8 AS "leafIndex" FROM ${s}.entry_index JOIN ${s}.entry_secret USING (leaf_index)
           WHERE exchange_id = $1 AND leaf_index >= $3
             AND ($2::text IS NULL OR ${hasPlace(chainNamed('$2'), 'entry_index.leaf_index')})
           ORDER BY leaf_index LIMIT $4`,
  },
  ofConsents: {
    name: `${s}.search-consents`,
    text: `SELECT leaf_index::float8 AS "leafIndex" FROM ${s}.entry_index JOIN ${s}.entry_secret USING (leaf_index)
           WHERE consent_id = ANY($1::uuid[]) AND type IN (${quoted(consentTypes)}) AND leaf_index >= $3
             AND ($2::text IS NULL OR ${hasPlace(chainNamed('$2'), 'entry_index.leaf_index')})
           ORDER BY leaf_index LIMIT $4`,
  },
  consentRows: {
    name: `${s}.consent-rows`,
    text: `SELECT leaf_index::float8 AS "leafIndex", replace(event_id::text, '-', '') AS "eventId", type, at,
                  consent_id::text AS "consentId", consent_version AS "consentVersion", subjects,
                  exchange_id::text AS "exchangeId", sender, recipient
           FROM ${s}.entry_index JOIN ${s}.entry USING (leaf_index)
           WHERE leaf_index >= $1 AND leaf_index < $2 AND (consent_id IS NOT NULL OR type IN ('message-released', 'subject-linked', 'decider-excluded'))
           ORDER BY leaf_index LIMIT $3`,
  },
} as const;

export interface SealedOpening {
  readonly leafIndex: number;
  /** What the tree hashes. */
  readonly entry: Buffer;
  readonly body: Buffer;
  readonly wrapped: Buffer;
  readonly kek: string;
}

/** Leaf indices of those event ids that have a leaf, and what the index says about the rest. */
export async function lookUpWanted(
  client: Queryable,
  { eventIds, manifestHashes, consentIds, requestJtis }: Required<Wanted>,
): Promise<{ known: Map<string, number>; words: IndexWord[] }> {
  const events = uuidArray(eventIds, (eventId) => eventId);
  const decides = manifestHashes.length + consentIds.length + requestJtis.length > 0;
  const { rows } = await client.query<IndexWord & { eventId: string | null } & QueryResultRow>(
    decides
      ? { ...statements.eventsAndWords, values: [events, manifestHashes, consentIds, requestJtis] }
      : { ...statements.knownEvents, values: [events] },
  );
  const known = new Map(rows.flatMap(({ eventId, leafIndex }) => (eventId === null ? [] : [[eventId, leafIndex]])));
  return { known, words: rows.filter(({ eventId }) => eventId === null) };
}

/** A chain with the number by which places name it. */
export interface NumberedChain {
  readonly id: number;
  readonly name: Chain;
}

/** Entries of one batch that follow one another in a chain. Numbers and links of the others follow from the first's. */
export interface ChainRun {
  readonly chain: number;
  /** Of the first entry. */
  readonly number: number;
  /** Leaf before the first entry in the chain. */
  readonly previous: number | undefined;
  /** Of the first entry. */
  readonly link: Buffer;
  /** Rising; at least one. */
  readonly leaves: readonly number[];
}

/** What is written with a batch's entries. */
export interface BatchWrites {
  /** Instant of the batch. */
  readonly loggedAt: string;
  readonly begun: readonly NumberedChain[];
  readonly runs: readonly ChainRun[];
  /** That the entries filled. */
  readonly tiles: readonly Tile[];
  readonly checkpoint: StoredCheckpoint;
  readonly events: readonly OutboxRow[];
  readonly consumed: readonly ConsumedUpTo[];
}

/** Entries in the order of their places, and the checkpoint over all. */
export function appendStatement(
  entries: readonly PlacedEntry[],
  { loggedAt, begun, runs, tiles, checkpoint, events, consumed }: BatchWrites,
): QueryConfig {
  const prepared = entries.map((entry) => entry.prepared);
  const index = prepared.map((entry) => entry.index);
  let past = 0;
  const kept = entries.filter((entry) => entry.prepared.sealed?.evidence !== undefined);
  return {
    ...statements.append,
    values: [
      bigintArray(entries, ({ leafIndex }) => leafIndex),
      uuidArray(prepared, ({ eventId }) => eventId),
      byteaArray(entries, ({ entry }) => entry),
      byteaArray(prepared, ({ sealed }) => sealed?.body),
      textArray(prepared, ({ sealed }) => sealed?.kek),
      byteaArray(prepared, ({ sealed }) => sealed?.wrappedSecret),
      textArray(index, ({ type }) => type),
      timestamptzArray(index, ({ at }) => at),
      uuidArray(index, ({ exchangeId }) => exchangeId),
      integerArray(index, ({ exchangeNumber }) => exchangeNumber),
      uuidArray(index, ({ messageId }) => messageId),
      textArray(index, ({ manifestHash }) => manifestHash),
      textArray(index, ({ sender }) => sender),
      textArray(index, ({ recipient }) => recipient),
      textArray(index, ({ actor }) => actor),
      textArray(index, ({ worker }) => worker),
      textArray(index, ({ subjects }) => subjects?.join(' ')),
      textArray(index, ({ categories }) => categories?.join(' ')),
      textArray(index, ({ basis }) => basis?.join(' ')),
      textArray(index, ({ code }) => code),
      uuidArray(index, ({ consent }) => consent?.id),
      integerArray(index, ({ consent }) => consent?.version),
      textArray(index, ({ request }) => request?.jti),
      textArray(index, ({ request }) => request?.hash),
      textArray(index, ({ parties }) => (parties.length === 0 ? undefined : parties.join(' '))),
      textArray(index, ({ purpose }) => purpose),
      loggedAt,
      bigintArray(
        runs.flatMap(({ leaves }) => leaves),
        (leaf) => leaf,
      ),
      integerArray(runs, ({ chain }) => chain),
      integerArray(runs, ({ leaves }) => (past += leaves.length)),
      integerArray(runs, ({ leaves }) => leaves.length),
      bigintArray(runs, ({ number }) => number),
      integerArray(tiles, ({ tileLevel }) => tileLevel),
      bigintArray(tiles, ({ n }) => n),
      byteaArray(tiles, ({ row }) => row),
      byteaArray(tiles, ({ root }) => root),
      checkpoint.size,
      checkpoint.root,
      checkpoint.note,
      ...enqueueValues(events),
      ...offsetValues(consumed),
      bigintArray(kept, ({ leafIndex }) => leafIndex),
      byteaArray(kept, (entry) => entry.prepared.sealed?.evidence),
      integerArray(begun, ({ id }) => id),
      textArray(begun, ({ name }) => name),
      bigintArray(runs, ({ previous }) => previous),
      byteaArray(runs, ({ link }) => link),
    ],
  };
}

/** Where a chain stands: its number, and its newest entry where one is counted. */
export interface StoredChain {
  readonly id: number;
  readonly head: ChainHead | undefined;
}

interface ChainRow extends QueryResultRow {
  readonly name: Chain;
  readonly id: number;
  /** Of its newest run, as its first entry has it. */
  readonly number: number | null;
  readonly leaves: readonly number[] | null;
  readonly link: Buffer | null;
}

/** Those of these chains that were ever begun. */
export async function readChains(client: Queryable, names: readonly Chain[]): Promise<Map<Chain, StoredChain>> {
  const { rows } = await client.query<ChainRow>({ ...statements.chains, values: [names] });
  return new Map(
    rows.map(({ name, id, number, leaves, link }) => [
      name,
      { id, head: number === null || leaves === null || link === null ? undefined : headOf(number, link, leaves) },
    ]),
  );
}

/** The run's newest entry, by what its first one has. */
const headOf = (number: number, link: Buffer, leaves: readonly number[]): ChainHead => ({
  number: number + leaves.length - 1,
  leafIndex: leaves.at(-1)!,
  link: leaves.slice(0, -1).reduce(linkAfter, link),
});

/** The highest number that a chain has; 0 where there is none. */
export async function lastChainId(client: Queryable): Promise<number> {
  const { rows } = await client.query<{ id: number }>(statements.lastChain);
  return rows[0]?.id ?? 0;
}

/** When the newest batch was logged, in milliseconds since the epoch. */
export async function lastLoggedAt(client: Queryable): Promise<number> {
  const { rows } = await client.query<{ at: number }>(statements.lastLoggedAt);
  return rows[0]?.at ?? 0;
}

export async function lastCheckpoint(client: Queryable): Promise<StoredCheckpoint | undefined> {
  const { rows } = await client.query<StoredCheckpoint & QueryResultRow>(statements.lastCheckpoint);
  return rows[0];
}

export const committedLog = (client: Queryable): CommittedLog => ({
  async nextCheckpoint(size, atMost) {
    const values = [size, size + atMost];
    const { rows } = await client.query<StoredCheckpoint & QueryResultRow>({ ...statements.nextCheckpoint, values });
    return rows[0];
  },
  entries: (from, to) => readEntries(client, from, to),
});

/** Number of entries; the last checkpoint's size, unless somebody wrote past the appender. */
export async function storedSize(client: Queryable): Promise<number> {
  const { rows } = await client.query<{ size: number }>(statements.lastLeaf);
  return rows[0]?.size ?? 0;
}

export async function readEntries(client: Queryable, from: number, to: number): Promise<Buffer[]> {
  const { rows } = await client.query<{ bundle: Buffer | null }>({ ...statements.entries, values: [from, to] });
  return entriesOf(rows[0]?.bundle ?? Buffer.alloc(0));
}

/** Each entry behind its length in two bytes: a row for each would cost more than what is done with it. */
function entriesOf(bundle: Buffer): Buffer[] {
  const entries: Buffer[] = [];
  for (let at = 0; at < bundle.length;) {
    const begin = at + lengthBytes;
    at = begin + bundle.readUInt16BE(at);
    entries.push(bundle.subarray(begin, at));
  }
  return entries;
}

/** Sealed bodies with their wrapped secrets; those without a secret (clear, or erased) are left out. */
export async function sealedOpenings(client: Queryable, leaves: readonly number[]): Promise<SealedOpening[]> {
  const { rows } = await client.query<SealedOpening & QueryResultRow>({ ...statements.openings, values: [leaves] });
  return rows;
}

export interface SealedEvidence {
  readonly leafIndex: number;
  readonly sealed: Buffer;
  readonly wrapped: Buffer;
  readonly kek: string;
}

/** Sealed statements of those entries that have any, with their wrapped secrets. */
export async function sealedEvidence(client: Queryable, leaves: readonly number[]): Promise<SealedEvidence[]> {
  const { rows } = await client.query<SealedEvidence & QueryResultRow>({ ...statements.evidence, values: [leaves] });
  return rows;
}

export interface TransferSought {
  /** Whose entries; all where it is absent. */
  readonly agency?: string;
  readonly from: number;
  readonly limit: number;
}

/** Leaves with a body that belong to an exchange, in order. */
export async function leavesOfExchange(
  client: Queryable,
  exchangeId: string,
  sought: TransferSought,
): Promise<number[]> {
  const values = [exchangeId, sought.agency ?? null, sought.from, sought.limit];
  const { rows } = await client.query<{ leafIndex: number }>({ ...statements.ofExchange, values });
  return rows.map(({ leafIndex }) => leafIndex);
}

/** Leaves by which consents began, changed or ended, in order. */
export async function leavesOfConsents(
  client: Queryable,
  consentIds: readonly string[],
  sought: TransferSought,
): Promise<number[]> {
  const values = [consentIds, sought.agency ?? null, sought.from, sought.limit];
  const { rows } = await client.query<{ leafIndex: number }>({ ...statements.ofConsents, values });
  return rows.map(({ leafIndex }) => leafIndex);
}

/** An entry about a consent, or a release. */
export interface ConsentIndexRow {
  readonly leafIndex: number;
  readonly eventId: string;
  readonly type: string;
  readonly at: Date;
  readonly consentId: string | null;
  readonly consentVersion: number | null;
  readonly subjects: string[] | null;
  readonly exchangeId: string | null;
  readonly sender: string | null;
  readonly recipient: string | null;
}

export async function consentRows(
  client: Queryable,
  { from, until, limit }: { readonly from: number; readonly until: number; readonly limit: number },
): Promise<ConsentIndexRow[]> {
  const { rows } = await client.query<ConsentIndexRow & QueryResultRow>({
    ...statements.consentRows,
    values: [from, until, limit],
  });
  return rows;
}

export const tileSource = (client: Queryable): TileSource => ({
  async rows(tiles: readonly TileId[]): Promise<Buffer[]> {
    const { rows } = await client.query<{ hashes: Buffer | null }>({
      ...statements.tileRows,
      values: [tiles.map(({ tileLevel }) => tileLevel), tiles.map(({ n }) => n)],
    });
    return rows.map(({ hashes }, at) => {
      if (hashes === null) throw new RangeError(`tile ${tiles[at]?.tileLevel}/${tiles[at]?.n} is missing`);
      return hashes;
    });
  },
  async roots(tileLevel: number, from: number, to: number): Promise<Buffer[]> {
    const { rows } = await client.query<{ root: Buffer }>({
      ...statements.tileRoots,
      values: [tileLevel, from, to],
    });
    return rows.map(({ root }) => root);
  },
  entries: (from, to) => readEntries(client, from, to),
});
