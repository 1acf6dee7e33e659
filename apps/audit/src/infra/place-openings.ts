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
  /** From the first of the run to this one. */
  readonly leaves: readonly number[];
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
             run.leaves[:array_position(run.leaves, i.leaf_index)]::float8[] AS leaves
           FROM ${s}.entry_index AS i JOIN ${s}.entry_secret AS e USING (leaf_index) JOIN ${s}.entry AS l USING (leaf_index)
             JOIN ${s}.chain AS of ON of.name = ANY (coalesce(i.parties, '{}') || coalesce(i.subjects, '{}'))
             CROSS JOIN LATERAL (SELECT * FROM ${s}.chain_run AS run
               WHERE run.chain = of.id AND run.last_leaf >= i.leaf_index ORDER BY run.last_leaf LIMIT 1) AS run
           WHERE i.leaf_index = ANY ($1::bigint[]) AND i.leaf_index = ANY (run.leaves) AND run.number IS NOT NULL`,
    values: [leaves],
  });
  const byLeaf = new Map<number, PlaceRow[]>();
  for (const row of rows) byLeaf.set(row.leafIndex, [...(byLeaf.get(row.leafIndex) ?? []), row]);
  const opened = new Map<number, OpenedPlace>();
  const placed = [...byLeaf.values()].filter((ofLeaf) => ofLeaf.some((row) => row.chain === chain));
  const links = new RunLinks();
  const secrets = kek.unwrapAll(placed.map(([first]) => first!));
  for (const [at, ofLeaf] of placed.entries()) {
    const secret = secrets[at];
    if (!secret) continue;
    const { leafIndex, entry } = ofLeaf[0]!;
    const places = placesOf(ofLeaf, links);
    opened.set(leafIndex, { leafIndex, entry, opening: openPlace(chain, places, placeSaltsOf(secret, places.length)) });
  }
  return opened;
}

/** Links of the runs that a page goes through, each computed once. */
class RunLinks {
  private readonly ofRun = new Map<string, Buffer[]>();

  /** Of the last of these leaves. */
  at({ chain, link, leaves }: PlaceRow): Buffer {
    const run = `${chain}/${leaves[0]}`;
    const links = this.ofRun.get(run) ?? [link];
    this.ofRun.set(run, links);
    for (let at = links.length; at < leaves.length; at += 1) links.push(linkAfter(links[at - 1]!, leaves[at - 1]!));
    return links[leaves.length - 1]!;
  }
}

function placesOf(rows: readonly PlaceRow[], links: RunLinks): Place[] {
  const byChain = new Map(rows.map((row) => [row.chain, row]));
  return inChainOrder([...byChain.keys()]).flatMap((chain) => {
    const row = byChain.get(chain);
    if (!row) return [];
    const previous = row.leaves.at(-2) ?? row.previous;
    return [
      {
        chain,
        number: row.number + row.leaves.length - 1,
        ...(previous !== null && { previous }),
        link: links.at(row),
        loggedAt: new Date(row.loggedAt).toISOString(),
      },
    ];
  });
}
