import type { LogFiles } from '../domain/log-files.js';
import { type CheckedSealed, readKek } from './check-sealed.js';
import type { RangeTask } from './perform-task.js';
import { checkAll } from './range-threads.js';

/** Entries of one task. */
const entriesPerTask = 8_192;

/** All sealed bodies of a database, on several threads. */
export async function checkAllSealed(
  log: { readonly files: LogFiles; readonly address: string },
  size: number,
  keks: readonly string[],
  onProgress: (entries: number) => void,
): Promise<CheckedSealed> {
  // A file that is no key is told here, not by each thread.
  await Promise.all(keks.map(readKek));
  const tasks = Array.from({ length: Math.ceil(size / entriesPerTask) }, (_, at): RangeTask => {
    const first = at * entriesPerTask;
    return { kind: 'sealed', range: { first, end: Math.min(size, first + entriesPerTask), keks } };
  });
  let done = 0;
  const results = (await checkAll(tasks, log, () =>
    onProgress(Math.min(size, (done += entriesPerTask))),
  )) as CheckedSealed[];
  return {
    opened: results.reduce((sum, { opened }) => sum + opened, 0),
    faults: results.flatMap(({ faults }) => faults),
  };
}
