import { parentPort, workerData } from 'node:worker_threads';
import { logFilesAt } from '../infra/open-log.js';
import { type BodyRange, type BundleRange, checkBodies, checkRange } from './check-range.js';

/** What a thread is given to do. */
export type RangeTask =
  { readonly kind: 'bundles'; readonly range: BundleRange } | { readonly kind: 'bodies'; readonly range: BodyRange };

const { address } = workerData as { readonly address: string };
const files = logFilesAt(address);

parentPort?.on('message', (task: RangeTask) => {
  const work = task.kind === 'bundles' ? checkRange(files, task.range) : checkBodies(files, address, task.range);
  work.then(
    (checked) => parentPort?.postMessage({ checked }),
    (error: unknown) => parentPort?.postMessage({ failure: error instanceof Error ? error.message : String(error) }),
  );
});
