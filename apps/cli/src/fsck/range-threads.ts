import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { AppError } from '#kernel';
import type { LogFiles } from '../domain/log-files.js';
import { type RangeTask, type TaskResult, performTask } from './perform-task.js';

/** Fewer tasks than this are done here: a thread takes longer to start. */
const fewTasks = 4;
const mostThreads = 8;

/** Does all tasks, on several threads where there are many, and gives their results in their order. */
export async function checkAll(
  tasks: readonly RangeTask[],
  log: { readonly files: LogFiles; readonly address: string },
  onDone: (task: RangeTask) => void,
): Promise<TaskResult[]> {
  const results: TaskResult[] = [];
  const waiting = [...tasks.entries()];
  const work = async (perform: (task: RangeTask) => Promise<TaskResult>): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, task] = next;
      results[at] = await perform(task);
      onDone(task);
    }
  };
  if (tasks.length < fewTasks) {
    await work((task) => performTask(task, log));
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

async function performed(worker: Worker, task: RangeTask): Promise<TaskResult> {
  worker.postMessage(task);
  const [answer] = (await once(worker, 'message')) as [{ checked?: TaskResult; failure?: string }];
  if (answer.checked === undefined) throw new AppError('UNAVAILABLE', answer.failure);
  return answer.checked;
}
