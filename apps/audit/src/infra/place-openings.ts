import { type Chain, type Place, type PlaceOpening, inChainOrder, linkAfter, openPlace, placeSaltsOf } from '#envelope';
import type { EntryKek } from './entry-kek.js';
import type { Queryable } from './log-store.js';
import { auditSchema as s } from './schema.js';

interface PlaceRow {
  readonly leafIndex: number;
  readonly entry: Buffer;
  readonly wrapped: Buffer;
  readonly kek: string;
  readonly loggedAt: number;
  readonly chain: Chain;
  /** Of the run in which it stands, as its first entry has it. */
  readonly number: number;
  readonly previous: number | null;
  readonly link: Buffer;
  /** Names the run. */
  readonly lastLeaf: number;
  /** In the run, from 1. */
  readonly at: number;
  /** From the first of the run to this one, for the last of the run's rows: many rows may be of one long run. */
  readonly leaves: readonly number[] | null;
}

/** An entry's place in one chain, with what the tree hashes of it. */
export interface OpenedPlace {
  readonly leafIndex: number;
  readonly entry: Buffer;
  readonly opening: PlaceOpening;
}

/** Opens the places that entries have in one chain; those whose secret is gone, and those that have none there, are left out. */
export async function openPlaces(
  client: Queryable,
  kek: EntryKek,
  chain: Chain,
  leaves: readonly number[],
): Promise<Map<number, OpenedPlace>> {
  if (leaves.length === 0) return new Map();
  const { rows } = await client.query<PlaceRow>({
    name: `${s}.places`,
    text: `SELECT i.leaf_index::float8 AS "leafIndex", l.entry, e.wrapped, e.kek,
             (extract(epoch FROM l.appended_at) * 1000)::float8 AS "loggedAt",
             of.name AS chain, run.number::float8 AS number, run.previous::float8 AS previous, run.link,
             run.last_leaf::float8 AS "lastLeaf", run.at,
             CASE WHEN row_number() OVER (PARTITION BY run.chain, run.last_leaf ORDER BY i.leaf_index DESC) = 1
               THEN run.leaves[:run.at]::float8[] END AS leaves
           FROM ${s}.entry_index AS i JOIN ${s}.entry_secret AS e USING (leaf_index) JOIN ${s}.entry AS l USING (leaf_index)
             JOIN ${s}.chain AS of ON of.name = ANY (coalesce(i.parties, '{}') || coalesce(i.subjects, '{}'))
             CROSS JOIN LATERAL (SELECT *, array_position(run.leaves, i.leaf_index) AS at FROM ${s}.chain_run AS run
               WHERE run.chain = of.id AND run.last_leaf >= i.leaf_index ORDER BY run.last_leaf LIMIT 1) AS run
           WHERE i.leaf_index = ANY ($1::bigint[]) AND run.at IS NOT NULL AND run.number IS NOT NULL`,
    values: [leaves],
  });
  const byLeaf = new Map<number, PlaceRow[]>();
  for (const row of rows) byLeaf.set(row.leafIndex, [...(byLeaf.get(row.leafIndex) ?? []), row]);
  const opened = new Map<number, OpenedPlace>();
  const placed = [...byLeaf.values()].filter((ofLeaf) => ofLeaf.some((row) => row.chain === chain));
  const runs = new Runs(rows);
  const secrets = kek.unwrapAll(placed.map(([first]) => first!));
  for (const [at, ofLeaf] of placed.entries()) {
    const secret = secrets[at];
    if (!secret) continue;
    const { leafIndex, entry } = ofLeaf[0]!;
    const places = placesOf(ofLeaf, runs);
    opened.set(leafIndex, { leafIndex, entry, opening: openPlace(chain, places, placeSaltsOf(secret, places.length)) });
  }
  return opened;
}

/** Leaves and links of the runs that a page goes through, each computed once. */
class Runs {
  private readonly leaves = new Map<string, readonly number[]>();
  private readonly links = new Map<string, Buffer[]>();

  constructor(rows: readonly PlaceRow[]) {
    for (const row of rows) if (row.leaves !== null) this.leaves.set(runOf(row), row.leaves);
  }

  /** The leaf before this one in its run; undefined for the first. */
  before(row: PlaceRow): number | undefined {
    return this.leaves.get(runOf(row))?.[row.at - 2];
  }

  linkAt(row: PlaceRow): Buffer {
    const run = runOf(row);
    const leaves = this.leaves.get(run) ?? [];
    const links = this.links.get(run) ?? [row.link];
    this.links.set(run, links);
    for (let at = links.length; at < row.at; at += 1) links.push(linkAfter(links[at - 1]!, leaves[at - 1]!));
    return links[row.at - 1]!;
  }
}

const runOf = ({ chain, lastLeaf }: PlaceRow): string => `${chain}/${lastLeaf}`;

function placesOf(rows: readonly PlaceRow[], runs: Runs): Place[] {
  const byChain = new Map(rows.map((row) => [row.chain, row]));
  return inChainOrder([...byChain.keys()]).flatMap((chain) => {
    const row = byChain.get(chain);
    if (!row) return [];
    const previous = runs.before(row) ?? row.previous;
    return [
      {
        chain,
        number: row.number + row.at - 1,
        ...(previous !== null && { previous }),
        link: runs.linkAt(row),
        loggedAt: new Date(row.loggedAt).toISOString(),
      },
    ];
  });
}
