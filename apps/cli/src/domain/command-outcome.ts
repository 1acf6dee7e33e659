/** What a command found out: as data for machines and as lines for people. */
export interface CommandOutcome {
  /** False when a check failed: exit code 1. */
  readonly ok: boolean;
  readonly data: object;
  readonly lines: readonly string[];
}

/** The command was called wrongly: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
