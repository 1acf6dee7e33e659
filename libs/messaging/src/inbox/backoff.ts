/** Waiting time after a failed attempt, in milliseconds: doubled each time. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

const DEFAULT: Backoff = { firstMs: 1_000, maxMs: 300_000 };

/** @param attempts failed so far, at least 1 */
export const delayAfter = (attempts: number, { firstMs, maxMs }: Backoff = DEFAULT): number =>
  Math.min(firstMs * 2 ** (attempts - 1), maxMs);
