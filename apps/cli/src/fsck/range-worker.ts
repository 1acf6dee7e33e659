import { parentPort, workerData } from 'node:worker_threads';
import { logFilesAt } from '../infra/open-log.js';
import { type RangeTask, performTask } from './perform-task.js';

const { address } = workerData as { readonly address: string };
const files = logFilesAt(address);

parentPort?.on('message', (task: RangeTask) => {
  performTask(task, { files, address }).then(
    (checked) => parentPort?.postMessage({ checked }),
    (error: unknown) => parentPort?.postMessage({ failure: error instanceof Error ? error.message : String(error) }),
  );
});
