import { LRUCache } from 'lru-cache';
import type { Chain, ChainHead } from '#envelope';

const linkBytes = 32;

/** Where a chain stands, with the number by which it is stored. */
export interface NumberedHead extends ChainHead {
  readonly id: number;
}

/**
 * The newest entries of the chains that were met last. They lie in a few arrays: an object and a buffer for each of hundreds
 * of thousands would be what the garbage collector goes through again and again, while commits wait for it.
 */
export class RememberedChains {
  private readonly places: LRUCache<Chain, number>;
  private readonly ids: Int32Array;
  private readonly numbers: Float64Array;
  private readonly leaves: Float64Array;
  private readonly links: Buffer;

  constructor(private readonly max: number) {
    this.places = new LRUCache({ max });
    this.ids = new Int32Array(max);
    this.numbers = new Float64Array(max);
    this.leaves = new Float64Array(max);
    this.links = Buffer.alloc(max * linkBytes);
  }

  /** Its link is good until the next call of `set`. */
  get(chain: Chain): NumberedHead | undefined {
    const at = this.places.get(chain);
    if (at === undefined) return undefined;
    return {
      id: this.ids[at]!,
      number: this.numbers[at]!,
      leafIndex: this.leaves[at]!,
      link: this.links.subarray(at * linkBytes, (at + 1) * linkBytes),
    };
  }

  set(chain: Chain, { id, number, leafIndex, link }: NumberedHead): void {
    const at = this.places.get(chain) ?? this.placeFor(chain);
    this.ids[at] = id;
    this.numbers[at] = number;
    this.leaves[at] = leafIndex;
    this.links.set(link, at * linkBytes);
  }

  /** That of the chain which was met longest ago, when all are taken. */
  private placeFor(chain: Chain): number {
    const at = this.places.size < this.max ? this.places.size : this.places.pop()!;
    this.places.set(chain, at);
    return at;
  }
}
