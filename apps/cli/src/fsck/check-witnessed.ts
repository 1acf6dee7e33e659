import { AppError, type Result, err, ok } from '#kernel';
import {
  type Checkpoint,
  type LogVerifier,
  type WitnessPolicy,
  assembleRoot,
  openCheckpoint,
  readNodes,
  rootNodes,
} from '#merkle';
import { checkpointFile, cosignedFile, type LogFiles } from '../domain/log-files.js';
import { type LogFault, faultOf } from '../domain/log-fault.js';
import { type WitnessedReport, judgeCheckpoint } from '../domain/witnessed.js';

export interface CheckedWitnessed {
  readonly witnessed?: WitnessedReport;
  readonly faults: readonly LogFault[];
}

/**
 * Has the log a checkpoint that the policy counts as witnessed, and is it the beginning of this log? The newest checkpoint
 * itself if enough have cosigned it, else the one that the log shows beside it. What was appended later is told by the size.
 */
export async function checkWitnessed(
  policy: WitnessPolicy,
  log: { readonly files: LogFiles; readonly verifier: LogVerifier; readonly checkpoint: Checkpoint },
  now: Date,
): Promise<CheckedWitnessed> {
  const { files, verifier, checkpoint } = log;
  const kept = (await files.read(cosignedFile))?.toString('utf8');
  const notes = [
    { path: checkpointFile, note: checkpoint.note },
    ...(kept === undefined ? [] : [{ path: cosignedFile, note: kept }]),
  ];
  for (const { path, note } of notes) {
    const opened = openCheckpoint(note, verifier);
    if (!opened.ok) return { faults: [faultOf('checkpoint-invalid', opened.error.detail, { path })] };
    const judged = judgeCheckpoint(opened.value, policy, now);
    if (!judged.ok) {
      if (judged.error.code === 'LOG_NOT_WITNESSED') continue;
      return { faults: [faultOf('checkpoint-invalid', judged.error.detail, { path })] };
    }
    const { size, root } = opened.value;
    if (size > checkpoint.size) {
      const detail = `Witnesses cosigned ${size} entries, and the log has ${checkpoint.size}.`;
      return { faults: [faultOf('rolled-back', detail, { path, index: checkpoint.size })] };
    }
    const recomputed = await rootAt(size, log);
    if (!recomputed.ok) return { faults: [faultOf('tile-missing', recomputed.error.detail)] };
    if (!recomputed.value.equals(root))
      return {
        faults: [faultOf('forked', `At ${size} entries witnesses cosigned another root.`, { path, index: size })],
      };
    return { witnessed: judged.value, faults: [] };
  }
  const detail = 'No checkpoint has the cosignatures that the policy asks for.';
  return { faults: [faultOf('checkpoint-unwitnessed', detail, { path: checkpointFile, index: checkpoint.size })] };
}

/** By the tiles, as far as they are there. */
async function rootAt(
  size: number,
  { files, checkpoint }: { readonly files: LogFiles; readonly checkpoint: Checkpoint },
): Promise<Result<Buffer>> {
  try {
    const get = await readNodes(rootNodes(size), checkpoint.size, (name) => files.read(name));
    return ok(Buffer.from(assembleRoot(size, get)));
  } catch (error) {
    if (error instanceof AppError && error.code === 'LOG_INCONSISTENT') return err(error);
    throw error;
  }
}
