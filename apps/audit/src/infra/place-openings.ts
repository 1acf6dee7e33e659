import { type Chain, type Place, type PlaceOpening, inChainOrder, openPlace, placeSaltsOf } from '#envelope';
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
  readonly number: number;
  readonly previous: number | null;
  readonly link: Buffer;
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
             of.name AS chain, p.number::float8 AS number, p.previous::float8 AS previous, p.link
           FROM ${s}.entry_index AS i JOIN ${s}.entry_secret AS e USING (leaf_index) JOIN ${s}.entry AS l USING (leaf_index)
             JOIN ${s}.chain AS of ON of.name = ANY (coalesce(i.parties, '{}') || coalesce(i.subjects, '{}'))
             JOIN ${s}.entry_place AS p ON p.chain = of.id AND p.leaf_index = i.leaf_index
           WHERE i.leaf_index = ANY ($1::bigint[]) AND p.number IS NOT NULL`,
    values: [leaves],
  });
  const byLeaf = new Map<number, PlaceRow[]>();
  for (const row of rows) byLeaf.set(row.leafIndex, [...(byLeaf.get(row.leafIndex) ?? []), row]);
  const opened = new Map<number, OpenedPlace>();
  const placed = [...byLeaf.values()].filter((ofLeaf) => ofLeaf.some((row) => row.chain === chain));
  const secrets = kek.unwrapAll(placed.map(([first]) => first!));
  for (const [at, ofLeaf] of placed.entries()) {
    const secret = secrets[at];
    if (!secret) continue;
    const { leafIndex, entry } = ofLeaf[0]!;
    const places = placesOf(ofLeaf);
    opened.set(leafIndex, { leafIndex, entry, opening: openPlace(chain, places, placeSaltsOf(secret, places.length)) });
  }
  return opened;
}

function placesOf(rows: readonly PlaceRow[]): Place[] {
  const byChain = new Map(rows.map((row) => [row.chain, row]));
  return inChainOrder([...byChain.keys()]).flatMap((chain) => {
    const row = byChain.get(chain);
    if (!row) return [];
    const { number, previous, link, loggedAt } = row;
    return [
      { chain, number, ...(previous !== null && { previous }), link, loggedAt: new Date(loggedAt).toISOString() },
    ];
  });
}
