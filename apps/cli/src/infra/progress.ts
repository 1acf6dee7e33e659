import { SingleBar } from 'cli-progress';

export interface Progress {
  update(what: string, done: number, of: number): void;
  stop(): void;
}

/** A bar on standard error where that is a terminal; nothing in a pipe. */
export function progressBar(): Progress {
  if (!process.stderr.isTTY) return { update: () => undefined, stop: () => undefined };
  let shown: { readonly what: string; readonly bar: SingleBar } | undefined;
  return {
    update: (what, done, of) => {
      if (shown?.what !== what) {
        shown?.bar.stop();
        const bar = new SingleBar({ format: `${what} {bar} {value}/{total}`, stream: process.stderr });
        bar.start(of, 0);
        shown = { what, bar };
      }
      shown.bar.update(done);
    },
    stop: () => shown?.bar.stop(),
  };
}
