import type { LogFiles } from '../domain/log-files.js';
import { LogInDatabase } from '../infra/log-in-database.js';
import {
  type BodyRange,
  type BundleRange,
  type CheckedBodies,
  type CheckedRange,
  checkBodies,
  checkRange,
} from './check-range.js';
import { type CheckedSealed, type SealedRange, checkSealed } from './check-sealed.js';

/** What a thread is given to do. */
export type RangeTask =
  | { readonly kind: 'bundles'; readonly range: BundleRange }
  | { readonly kind: 'bodies'; readonly range: BodyRange }
  | { readonly kind: 'sealed'; readonly range: SealedRange };

export type TaskResult = CheckedRange | CheckedBodies | CheckedSealed;

/** @param address of the log; sealed bodies are in its database */
export async function performTask(
  task: RangeTask,
  { files, address }: { readonly files: LogFiles; readonly address: string },
): Promise<TaskResult> {
  switch (task.kind) {
    case 'bundles':
      return checkRange(files, task.range);
    case 'bodies':
      return checkBodies(files, address, task.range);
    case 'sealed':
      if (!(files instanceof LogInDatabase)) throw new TypeError('sealed bodies are in a database');
      return checkSealed(files, task.range);
  }
}
