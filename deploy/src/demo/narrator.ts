/** One exchange as the table at the end shows it. */
export interface ExchangeRow {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly categories: readonly number[];
  /** `statute 681/2023-87`, `consent`, or none. */
  readonly basis: string;
  readonly outcome: string;
  /** Index in the log of the entry that ended it: the release of the answer, or its refusal. */
  readonly logIndex: number | undefined;
  readonly verified: boolean;
}

export interface StepResult {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
}

/** Prints what happens, one readable line with its time, and keeps the results. */
export class Narrator {
  readonly steps: StepResult[] = [];
  readonly exchanges: ExchangeRow[] = [];
  private readonly started = Date.now();

  constructor(private readonly print: (line: string) => void) {}

  /** Runs one step; a failure is printed with its reason and thrown on. */
  async step(name: string, body: () => Promise<void>): Promise<void> {
    const begun = Date.now();
    this.print('');
    this.print(`${this.time()}  ${name}`);
    try {
      await body();
      this.steps.push({ name, ok: true, ms: Date.now() - begun });
    } catch (error) {
      this.steps.push({ name, ok: false, ms: Date.now() - begun });
      this.say(`FAILED: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }

  say(line: string): void {
    this.print(`${this.time()}    ${line}`);
  }

  keep(row: Omit<ExchangeRow, 'verified'>): void {
    this.exchanges.push({ ...row, verified: false });
  }

  /** Marks the exchanges whose entry the verified export holds. */
  verified(holds: (row: ExchangeRow) => boolean): void {
    for (const [i, row] of this.exchanges.entries()) this.exchanges[i] = { ...row, verified: holds(row) };
  }

  private time(): string {
    return `${((Date.now() - this.started) / 1000).toFixed(1).padStart(6)} s`;
  }
}
