import { LRUCache } from 'lru-cache';
import { type Chain, type ChainHead, placeAfter, placesHash } from '#envelope';
import { leafHash } from '#merkle';
import { type Queryable, readHeads } from '../infra/log-store.js';
import type { PlacedEntry } from './placed-entry.js';
import { type PreparedEntry, entryOf } from './prepared-entry.js';

/** Subjects and agencies whose newest entry is remembered: about 60 MB at most. */
const REMEMBERED = 200_000;

/** A link of its own in a string: in a Buffer it would hold on to the memory that was given out with it. */
type RememberedHead = Omit<ChainHead, 'link'> & { readonly link: string };

/**
 * Where the chains stand: each entry gets the next number in the chain of each of its parties and subjects. Belongs to one
 * session of the appender and is forgotten with it, so it is never ahead of what is stored.
 */
export class ChainHeads {
  private readonly heads = new LRUCache<Chain, RememberedHead>({ max: REMEMBERED });

  /** One look for all chains that are not remembered; none where all are. */
  async place(
    client: Queryable,
    first: number,
    entries: readonly PreparedEntry[],
    loggedAt: string,
  ): Promise<PlacedEntry[]> {
    const heads = await this.headsOf(client, entries);
    const placed = entries.map((prepared, at) => {
      const leafIndex = first + at;
      const places = prepared.chains.map((chain) => {
        const place = placeAfter(chain, heads.get(chain), loggedAt);
        heads.set(chain, { number: place.number, leafIndex, link: place.link });
        return place;
      });
      const hash = prepared.sealed && placesHash(places, prepared.sealed.salts);
      const entry = entryOf(prepared, hash);
      return { prepared, leafIndex, entry, leafHash: leafHash(entry), places, placesHash: hash };
    });
    for (const [chain, { link, ...head }] of heads) this.heads.set(chain, { ...head, link: link.toString('latin1') });
    return placed;
  }

  private async headsOf(client: Queryable, entries: readonly PreparedEntry[]): Promise<Map<Chain, ChainHead>> {
    const heads = new Map<Chain, ChainHead>();
    const sought = new Set<Chain>();
    for (const { chains } of entries) for (const chain of chains) sought.add(chain);
    const unknown: Chain[] = [];
    for (const chain of sought) {
      const head = this.heads.get(chain);
      if (head === undefined) unknown.push(chain);
      else heads.set(chain, { ...head, link: Buffer.from(head.link, 'latin1') });
    }
    if (unknown.length > 0) for (const [chain, head] of await readHeads(client, unknown)) heads.set(chain, head);
    return heads;
  }
}
