interface Waiting<T> {
  readonly item: T;
  resolve(): void;
  reject(error: unknown): void;
}

/** How a group ended for one of its items. */
export type Settled = { readonly taken: true } | { readonly taken: false; readonly error: unknown };

/**
 * Items that come while others are being taken wait for the end of that and then go together: groups grow with the load by
 * themselves, without a timer, and a lone item waits for nothing.
 */
export class Gathering<T> {
  private waiting: Waiting<T>[] = [];
  private working = false;

  /**
   * @param take settles each item of a group, in its order; never rejects
   * @param limits a group ends before its sizes add up to more than `most`, but has one item at least
   */
  constructor(
    private readonly take: (group: readonly T[]) => Promise<readonly Settled[]>,
    private readonly limits: { readonly most: number; sizeOf(item: T): number },
  ) {}

  /** Resolves when the item was taken, rejects with what it failed of. */
  submit(item: T): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (!this.working) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.working = true;
    while (this.waiting.length > 0) {
      const group = this.nextGroup();
      const settled = await this.take(group.map(({ item }) => item));
      for (const [index, waiting] of group.entries()) {
        const one = settled[index];
        if (one?.taken) waiting.resolve();
        else waiting.reject(one?.error);
      }
    }
    this.working = false;
  }

  private nextGroup(): Waiting<T>[] {
    let size = 0;
    const end = this.waiting.findIndex(({ item }, index) => {
      size += this.limits.sizeOf(item);
      return index > 0 && size > this.limits.most;
    });
    return this.waiting.splice(0, end < 0 ? this.waiting.length : end);
  }
}
