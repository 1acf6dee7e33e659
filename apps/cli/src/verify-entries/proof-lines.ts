import { type Checkpoint, verifyMultiProof } from '#merkle';
import { parseProofLine } from '../domain/entries-export.js';

interface ProvedLeaves {
  readonly last: number;
  readonly hashes: ReadonlyMap<number, Buffer>;
}

/**
 * The proofs of an export, read beside its entries and not kept: first those of the bounds and tombstones, then those of the
 * entries in rising order. A line that does not lead to the signed root is passed over, so that its entries have none.
 */
export class ProofLines {
  private readonly heads = new Map<number, Buffer>();
  private next: ProvedLeaves | undefined;

  private constructor(
    private readonly lines: AsyncIterator<string>,
    private readonly tree: Pick<Checkpoint, 'size' | 'root'>,
  ) {}

  /** @param heads indices whose proofs stand first */
  static async open(
    lines: AsyncIterator<string>,
    heads: ReadonlySet<number>,
    tree: Pick<Checkpoint, 'size' | 'root'>,
  ): Promise<ProofLines> {
    const proofs = new ProofLines(lines, tree);
    await proofs.advance();
    while (
      proofs.next &&
      proofs.heads.size < heads.size &&
      [...proofs.next.hashes.keys()].every((one) => heads.has(one))
    ) {
      for (const [index, hash] of proofs.next.hashes) proofs.heads.set(index, hash);
      await proofs.advance();
    }
    return proofs;
  }

  /** The leaf hash that the tree has there. For entries in rising order, and for the heads at any time. */
  async of(index: number): Promise<Buffer | undefined> {
    const head = this.heads.get(index);
    if (head) return head;
    while (this.next && this.next.last < index) await this.advance();
    return this.next?.hashes.get(index);
  }

  private async advance(): Promise<void> {
    for (;;) {
      const line = await this.lines.next();
      this.next = line.done ? undefined : this.provedBy(line.value);
      if (line.done || this.next) return;
    }
  }

  private provedBy(text: string): ProvedLeaves | undefined {
    const line = parseProofLine(text);
    if (!line.ok || !verifyMultiProof({ ...line.value, ...this.tree }).ok) return undefined;
    const { indices, leaves } = line.value;
    return { last: indices.at(-1)!, hashes: new Map(indices.map((index, at) => [index, leaves[at]!])) };
  }
}
