/** An entry's index and its path, leaf to root. */
interface ProofLine {
  readonly index: number;
  readonly hashes: readonly Buffer[];
}

/**
 * The proofs of an export, read beside its entries and not kept: first those of the bounds and tombstones, in any order, then one for
 * each entry in rising order. What is no proof is passed over, so that its entry has none.
 */
export class ProofLines {
  private readonly heads = new Map<number, readonly Buffer[]>();
  private next: ProofLine | undefined;

  private constructor(private readonly lines: AsyncIterator<string>) {}

  /** @param heads indices whose proofs stand first */
  static async open(lines: AsyncIterator<string>, heads: ReadonlySet<number>): Promise<ProofLines> {
    const proofs = new ProofLines(lines);
    await proofs.advance();
    while (proofs.next && heads.has(proofs.next.index) && proofs.heads.size < heads.size) {
      proofs.heads.set(proofs.next.index, proofs.next.hashes);
      await proofs.advance();
    }
    return proofs;
  }

  /** For entries in rising order, and for the heads at any time. */
  async of(index: number): Promise<readonly Buffer[] | undefined> {
    const head = this.heads.get(index);
    if (head) return head;
    while (this.next && this.next.index < index) await this.advance();
    return this.next?.index === index ? this.next.hashes : undefined;
  }

  private async advance(): Promise<void> {
    for (;;) {
      const line = await this.lines.next();
      this.next = line.done ? undefined : proofIn(line.value);
      if (line.done || this.next) return;
    }
  }
}

function proofIn(line: string): ProofLine | undefined {
  try {
    const { index, hashes } = JSON.parse(line) as Record<string, unknown>;
    if (!Number.isSafeInteger(index) || !Array.isArray(hashes)) return undefined;
    return { index: index as number, hashes: hashes.map((hash) => Buffer.from(String(hash), 'base64')) };
  } catch {
    return undefined;
  }
}
