import {
  type Checkpoint,
  type LogVerifier,
  type WitnessPolicy,
  assembleRoot,
  judgeWitnessed,
  openCheckpoint,
  readNodes,
  rootNodes,
} from '#merkle';
import { checkpointFile, cosignedFile, type LogFiles } from '../domain/log-files.js';
import { type LogFault, faultOf } from '../domain/log-fault.js';

/** How far enough witnesses have cosigned the log. */
export interface WitnessedReport {
  readonly size: number;
  /** Names of the policy. */
  readonly by: readonly string[];
  /** Time of the newest cosignature. */
  readonly at: string;
}

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
    const judged = opened.ok ? judgeWitnessed(note, policy, now) : opened;
    if (!opened.ok || !judged.ok || !('quorum' in judged.value))
      return { faults: [faultOf('checkpoint-invalid', judged.ok ? '' : judged.error.detail, { path })] };
    if (!judged.value.quorum) continue;
    const { size, root } = opened.value;
    if (size > checkpoint.size) {
      const detail = `Witnesses cosigned ${size} entries, and the log has ${checkpoint.size}.`;
      return { faults: [faultOf('rolled-back', detail, { path, index: checkpoint.size })] };
    }
    const get = await readNodes(rootNodes(size), checkpoint.size, (name) => files.read(name));
    if (!assembleRoot(size, get).equals(root))
      return { faults: [faultOf('forked', `At ${size} entries witnesses cosigned another root.`, { path })] };
    const { cosignatures } = judged.value;
    const at = new Date(Math.max(0, ...cosignatures.map((one) => one.at.getTime()))).toISOString();
    return { witnessed: { size, by: cosignatures.map(({ witness }) => witness), at }, faults: [] };
  }
  const detail = 'No checkpoint has the cosignatures that the policy asks for.';
  return { faults: [faultOf('checkpoint-unwitnessed', detail, { path: checkpointFile })] };
}
