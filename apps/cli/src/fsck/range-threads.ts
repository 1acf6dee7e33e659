import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { AppError } from '#kernel';
import type { LogFiles } from '../domain/log-files.js';
import { type CheckedBodies, type CheckedRange, checkBodies, checkRange } from './check-range.js';
import type { RangeTask } from './range-worker.js';

/** Fewer tasks than this are done here: a thread takes longer to start. */
const fewTasks = 4;
const mostThreads = 8;

/** Does all tasks, on several threads where there are many, and gives their results in their order. */
export async function checkAll(
  tasks: readonly RangeTask[],
  log: { readonly files: LogFiles; readonly address: string },
  onDone: (task: RangeTask) => void,
): Promise<(CheckedRange | CheckedBodies)[]> {
  const results: (CheckedRange | CheckedBodies)[] = [];
  const waiting = [...tasks.entries()];
  const work = async (perform: (task: RangeTask) => Promise<CheckedRange | CheckedBodies>): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, task] = next;
      results[at] = await perform(task);
      onDone(task);
    }
  };
  if (tasks.length < fewTasks) {
    await work((task) =>
      task.kind === 'bundles' ? checkRange(log.files, task.range) : checkBodies(log.files, log.address, task.range),
    );
    return results;
  }
  const threads = Math.min(mostThreads, availableParallelism(), tasks.length);
  await Promise.all(
    Array.from({ length: threads }, async () => {
      const worker = new Worker(new URL('./range-worker.js', import.meta.url), {
        workerData: { address: log.address },
      });
      try {
        await work((task) => performed(worker, task));
      } finally {
        await worker.terminate();
      }
    }),
  );
  return results;
}

async function performed(worker: Worker, task: RangeTask): Promise<CheckedRange | CheckedBodies> {
  worker.postMessage(task);
  const [answer] = (await once(worker, 'message')) as [{ checked?: CheckedRange | CheckedBodies; failure?: string }];
  if (answer.checked === undefined) throw new AppError('UNAVAILABLE', answer.failure);
  return answer.checked;
}
