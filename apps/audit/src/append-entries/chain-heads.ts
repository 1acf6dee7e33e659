import { type Chain, placeAfter, placesHash } from '#envelope';
import { leafHash } from '#merkle';
import { type ChainRun, type NumberedChain, type Queryable, lastChainId, readChains } from '../infra/log-store.js';
import type { PlacedEntry } from './placed-entry.js';
import { type PreparedEntry, entryOf } from './prepared-entry.js';
import { RememberedChains } from './remembered-chains.js';

/** Subjects and agencies whose newest entry is remembered: about 40 MB at most. */
const REMEMBERED = 200_000;
/** Of one run: who looks for one of its leaves reads all of them. */
const MOST_LEAVES = 64;
const noLink = Buffer.alloc(0);

/** Where a chain stands while a batch is placed. */
interface PlacingChain {
  readonly id: number;
  /** Of its newest entry; 0 where it has none. */
  number: number;
  leafIndex: number;
  link: Buffer;
  /** The newest of the batch, where the chain has entries in it. */
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
  private readonly chains = new RememberedChains(REMEMBERED);

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
        chain.link = place.link;
        return place;
      });
      const hash = prepared.sealed && placesHash(places, prepared.sealed.salts);
      const entry = entryOf(prepared, hash);
      return {
        prepared,
        leafIndex,
        entry,
        leafHash: leafHash(entry),
        placesHash: hash,
      };
    });
    for (const [name, chain] of chains) this.chains.set(name, chain);
    return { placed, begun, runs };
  }

  /** Of all chains that these entries are in. */
  private async chainsOf(
    client: Queryable,
    entries: readonly PreparedEntry[],
  ): Promise<{ chains: Map<Chain, PlacingChain>; begun: NumberedChain[] }> {
    const chains = new Map<Chain, PlacingChain>();
    const unknown = new Set<Chain>();
    for (const entry of entries)
      for (const name of entry.chains) {
        if (chains.has(name)) continue;
        const chain = this.chains.get(name);
        if (chain) chains.set(name, { ...chain, run: undefined });
        else unknown.add(name);
      }
    const begun: NumberedChain[] = [];
    const stored = unknown.size > 0 ? await readChains(client, [...unknown]) : new Map<Chain, never>();
    for (const name of unknown) {
      const { id, head } = stored.get(name) ?? this.begin(name, begun);
      chains.set(name, { id, ...(head ?? { number: 0, leafIndex: 0, link: noLink }), run: undefined });
    }
    return { chains, begun };
  }

  private begin(name: Chain, begun: NumberedChain[]): { id: number; head: undefined } {
    this.lastId += 1;
    begun.push({ id: this.lastId, name });
    return { id: this.lastId, head: undefined };
  }
}
