import { Presets, SingleBar } from 'cli-progress';

const LINE_EVERY_MS = 5_000;

export interface Progress {
  done(count: number): void;
  end(): void;
}

/** On stderr: a bar for a person at a terminal, else a line now and then. */
export function showProgress(what: string, total: number): Progress {
  return process.stderr.isTTY ? bar(what, total) : lines(what, total);
}

function bar(what: string, total: number): Progress {
  const format = `${what} {bar} {value}/{total} | {duration_formatted}`;
  const single = new SingleBar({ format, stream: process.stderr, hideCursor: true }, Presets.shades_classic);
  single.start(total, 0);
  return { done: (count) => single.update(count), end: () => single.stop() };
}

function lines(what: string, total: number): Progress {
  let next = Date.now() + LINE_EVERY_MS;
  return {
    done: (count) => {
      if (Date.now() < next && count < total) return;
      next = Date.now() + LINE_EVERY_MS;
      console.error(`${what}: ${count} of ${total}`);
    },
    end: () => undefined,
  };
}
