import { watchLauncher } from './launcher-watch.js';
import { Stack, type StackOptions } from './stack.js';

/**
 * Runs a stack for as long as `use` takes, or until Ctrl-C, a signal, or the end of the npm that started us; then stops
 * everything and exits. The exit code is what `use` resolves to, or 1 when it rejects.
 */
export async function inForeground(options: StackOptions, use: (stack: Stack) => Promise<number>): Promise<never> {
  const interrupted = interruption();
  // A signal during the start takes effect after it: half a start is harder to stop than a whole one.
  const starting = Stack.start(options);
  try {
    const stack = await starting;
    const exitCode = await Promise.race([use(stack), interrupted]).catch(failed);
    await stack.stop();
    process.exit(exitCode);
  } catch (error) {
    process.exit(failed(error));
  }
}

function failed(error: unknown): number {
  console.error(error instanceof Error ? error.message : error);
  return 1;
}

/** npm passes on a Ctrl-C that the terminal has sent to us already: only a later one (milliseconds) is a second one. */
const impatientAfterMs = 1_000;

/** The exit code of a shell for the signal (128 + number); a second signal ends the process at once. */
export function interruption(): Promise<number> {
  return new Promise((resolve) => {
    const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
    for (const [name, code] of Object.entries(codes)) {
      let seenAt: number | undefined;
      process.on(name, () => {
        if (seenAt !== undefined && Date.now() - seenAt > impatientAfterMs) process.exit(code);
        seenAt ??= Date.now();
        resolve(code);
      });
    }
    watchLauncher(() => resolve(codes.SIGHUP));
  });
}
