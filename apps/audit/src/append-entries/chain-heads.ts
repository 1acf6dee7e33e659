import { LRUCache } from 'lru-cache';
import { type Chain, placeAfter, placesHash } from '#envelope';
import { leafHash } from '#merkle';
import { type ChainRun, type NumberedChain, type Queryable, lastChainId, readChains } from '../infra/log-store.js';
import type { PlacedEntry } from './placed-entry.js';
import { type PreparedEntry, entryOf } from './prepared-entry.js';

/** Subjects and agencies whose newest entry is remembered: about 60 MB at most. */
const REMEMBERED = 200_000;
/** Of one run: who looks for one of its leaves reads all of them. */
const MOST_LEAVES = 64;
const linkBytes = 32;

/** Where a chain stands. */
interface RememberedChain {
  readonly id: number;
  /** Of its newest entry; 0 where it has none. */
  number: number;
  leafIndex: number;
  /** In memory of its own: a part of what was given out with a batch would hold on to all of that. */
  readonly link: Buffer;
  /** The newest of the batch that was placed last, where the chain has entries in it. */
  run: GrowingRun | undefined;
}

type GrowingRun = ChainRun & { readonly leaves: number[] };

export interface PlacedBatch {
  readonly placed: readonly PlacedEntry[];
  /** Chains that begin with it. */
  readonly begun: readonly NumberedChain[];
  /** Each chain's entries of the batch. */
  readonly runs: readonly ChainRun[];
}

/**
 * Where the chains stand: each entry gets the next number in the chain of each of its parties and subjects. Belongs to one
 * session of the appender and is forgotten with it, so it is never ahead of what is stored.
 */
export class ChainHeads {
  private readonly chains = new LRUCache<Chain, RememberedChain>({ max: REMEMBERED });

  private constructor(private lastId: number) {}

  /** Only its owner may begin chains from here on. */
  static restore = async (client: Queryable): Promise<ChainHeads> => new ChainHeads(await lastChainId(client));

  /** One look for all chains that are not remembered; none where all are. */
  async place(
    client: Queryable,
    first: number,
    entries: readonly PreparedEntry[],
    loggedAt: string,
  ): Promise<PlacedBatch> {
    const { chains, begun } = await this.chainsOf(client, entries);
    const runs: GrowingRun[] = [];
    for (const chain of chains.values()) chain.run = undefined;
    const placed = entries.map((prepared, at) => {
      const leafIndex = first + at;
      const places = prepared.chains.map((name) => {
        const chain = chains.get(name)!;
        const place = placeAfter(name, chain.number === 0 ? undefined : chain, loggedAt);
        if (chain.run && chain.run.leaves.length < MOST_LEAVES) chain.run.leaves.push(leafIndex);
        else {
          const { number, previous, link } = place;
          runs.push((chain.run = { chain: chain.id, number, previous, link, leaves: [leafIndex] }));
        }
        chain.number = place.number;
        chain.leafIndex = leafIndex;
        chain.link.set(place.link);
        return place;
      });
      const hash = prepared.sealed && placesHash(places, prepared.sealed.salts);
      const entry = entryOf(prepared, hash);
      return {
        prepared,
        leafIndex,
        entry,
        leafHash: leafHash(entry),
        places,
        placesHash: hash,
      };
    });
    return { placed, begun, runs };
  }

  /** Of all chains that these entries are in. */
  private async chainsOf(
    client: Queryable,
    entries: readonly PreparedEntry[],
  ): Promise<{ chains: Map<Chain, RememberedChain>; begun: NumberedChain[] }> {
    const chains = new Map<Chain, RememberedChain>();
    const unknown = new Set<Chain>();
    for (const entry of entries)
      for (const name of entry.chains) {
        if (chains.has(name)) continue;
        const chain = this.chains.get(name);
        if (chain) chains.set(name, chain);
        else unknown.add(name);
      }
    const begun: NumberedChain[] = [];
    const stored = unknown.size > 0 ? await readChains(client, [...unknown]) : new Map<Chain, never>();
    for (const name of unknown) {
      const { id, head } = stored.get(name) ?? this.begin(name, begun);
      const { number, leafIndex, link } = head ?? { number: 0, leafIndex: 0, link: undefined };
      const chain = { id, number, leafIndex, link: Buffer.alloc(linkBytes, link), run: undefined };
      chains.set(name, chain);
      this.chains.set(name, chain);
    }
    return { chains, begun };
  }

  private begin(name: Chain, begun: NumberedChain[]): { id: number; head: undefined } {
    this.lastId += 1;
    begun.push({ id: this.lastId, name });
    return { id: this.lastId, head: undefined };
  }
}
