/** An entry as the export holds it. `hash` is undefined where the entry cannot be read. */
export interface FoundLeaf {
  readonly hash: Buffer | undefined;
  readonly entry: Uint8Array;
}

/** One place of the log beside what the export has for it. */
export type AlignedLeaf =
  | {
      readonly verdict: 'same' | 'changed';
      readonly at: number;
      readonly logged?: Buffer;
      readonly found: FoundLeaf;
    }
  | { readonly verdict: 'missing'; readonly at: number; readonly logged?: Buffer }
  /** Stands before the place `at` and belongs to none. */
  | { readonly verdict: 'extra'; readonly at: number; readonly found: FoundLeaf };

type Logged = Buffer | undefined;

/**
 * Puts the entries of an export beside the leaf hashes of its tiles, so that a fault is named by the place where it is:
 * after one missing entry every later one stands at another place, and only the missing one is to be told. What cannot be
 * read (undefined) fits everything. Looks ahead over a window and holds no more than that.
 */
export class LeafAlignment {
  private readonly found: FoundLeaf[] = [];
  private readonly logged: Logged[] = [];
  private at = 0;

  constructor(private readonly window = 512) {}

  /** The next entries and the next leaf hashes, as many of each as there are. Gives what is settled. */
  push(found: readonly FoundLeaf[], logged: readonly Logged[]): AlignedLeaf[] {
    this.found.push(...found);
    this.logged.push(...logged);
    return this.settle(false);
  }

  /** There are no more: gives the rest. */
  end(): AlignedLeaf[] {
    return this.settle(true);
  }

  private settle(ended: boolean): AlignedLeaf[] {
    const settled: AlignedLeaf[] = [];
    let f = 0;
    let l = 0;
    while (f < this.found.length && l < this.logged.length) {
      const found = this.found[f]!;
      const logged = this.logged[l];
      if (fits(found, logged)) {
        settled.push(this.place('same', found, logged));
        f += 1;
        l += 1;
        continue;
      }
      const seesEnough = this.found.length - f > this.window && this.logged.length - l > this.window;
      if (!ended && !seesEnough) break;
      const step = this.resynchronise(f, l);
      for (let n = 0; n < step.count; n += 1) {
        if (step.how === 'extra') settled.push({ verdict: 'extra', at: this.at, found: this.found[f++]! });
        else if (step.how === 'missing') settled.push(this.gap(this.logged[l++]));
        else settled.push(this.place(step.how, this.found[f++]!, this.logged[l++]));
      }
    }
    if (ended) {
      while (l < this.logged.length) settled.push(this.gap(this.logged[l++]));
      while (f < this.found.length) settled.push({ verdict: 'extra', at: this.at, found: this.found[f++]! });
    }
    this.found.splice(0, f);
    this.logged.splice(0, l);
    return settled;
  }

  /** The nearest place from which both go on alike, and what lies before it. */
  private resynchronise(f: number, l: number): { how: 'extra' | 'missing' | 'changed'; count: number } {
    const [found, logged] = [this.found[f]!, this.logged[l]];
    for (let k = 1; k <= this.window; k += 1) {
      const laterFound = this.found[f + k];
      const laterLogged = this.logged[l + k];
      if (laterFound !== undefined && equal(laterFound, logged)) return { how: 'extra', count: k };
      if (equal(found, laterLogged)) return { how: 'missing', count: k };
      if (laterFound !== undefined && equal(laterFound, laterLogged)) return { how: 'changed', count: k };
    }
    return { how: 'changed', count: 1 };
  }

  private place(verdict: 'same' | 'changed', found: FoundLeaf, logged: Logged): AlignedLeaf {
    return { verdict, at: this.at++, found, ...(logged && { logged }) };
  }

  private gap(logged: Logged): AlignedLeaf {
    return { verdict: 'missing', at: this.at++, ...(logged && { logged }) };
  }
}

const fits = ({ hash }: FoundLeaf, logged: Logged): boolean =>
  hash === undefined || logged === undefined || hash.equals(logged);

/** What cannot be read is no evidence of a place. */
const equal = ({ hash }: FoundLeaf, logged: Logged): boolean =>
  hash !== undefined && logged !== undefined && hash.equals(logged);
