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
  private readonly slots: LRUCache<Chain, number>;
  private readonly ids: Int32Array;
  private readonly numbers: Float64Array;
  private readonly leaves: Float64Array;
  private readonly links: Buffer;

  constructor(private readonly max: number) {
    this.slots = new LRUCache({ max });
    this.ids = new Int32Array(max);
    this.numbers = new Float64Array(max);
    this.leaves = new Float64Array(max);
    this.links = Buffer.alloc(max * linkBytes);
  }

  /** Its link is good until the next call of `set`. */
  get(chain: Chain): NumberedHead | undefined {
    const at = this.slots.get(chain);
    if (at === undefined) return undefined;
    return {
      id: this.ids[at]!,
      number: this.numbers[at]!,
      leafIndex: this.leaves[at]!,
      link: this.links.subarray(at * linkBytes, (at + 1) * linkBytes),
    };
  }

  set(chain: Chain, { id, number, leafIndex, link }: NumberedHead): void {
    const at = this.slots.get(chain) ?? this.slotFor(chain);
    this.ids[at] = id;
    this.numbers[at] = number;
    this.leaves[at] = leafIndex;
    this.links.set(link, at * linkBytes);
  }

  /** A new one, or that of the chain which was met longest ago when all are taken. */
  private slotFor(chain: Chain): number {
    const at = this.slots.size < this.max ? this.slots.size : this.slots.pop()!;
    this.slots.set(chain, at);
    return at;
  }
}
