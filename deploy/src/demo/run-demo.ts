import type { Stack } from '../stack.js';

export interface DemoOptions {
  /** Stop after the scenario instead of leaving the services up. */
  readonly once: boolean;
  /** File for the results as data. */
  readonly json: string | undefined;
  /** Further random exchanges after the scenario. */
  readonly exchanges: number;
}

/** Plays the scenario against the stack. Resolves to the exit code. */
export async function runDemo(stack: Stack, options: DemoOptions): Promise<number> {
  console.log(`Kafka at ${stack.kafkaBrokers}; logs in ${stack.folder.logs}`);
  return options.once ? 0 : new Promise<number>(() => undefined);
}
