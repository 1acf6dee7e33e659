import { AppError, type Result, err, ok } from '#kernel';
import { type Checkpoint, type WitnessPolicy, judgeWitnessed } from '#merkle';

/** How far enough witnesses have cosigned the log. */
export interface WitnessedReport {
  readonly size: number;
  /** Names of the policy. */
  readonly by: readonly string[];
  /** Time of the newest cosignature. */
  readonly at: string;
}

/**
 * The witnesses that cosigned this checkpoint, where the policy counts them as enough. Errors: CHECKPOINT_INVALID (a line is
 * not of the witness whose key it names), LOG_NOT_WITNESSED.
 *
 * @param now latest time that a cosignature may state
 */
export function judgeCheckpoint(
  { note, size }: Pick<Checkpoint, 'note' | 'size'>,
  policy: WitnessPolicy,
  now: Date,
): Result<WitnessedReport> {
  const judged = judgeWitnessed(note, policy, now);
  if (!judged.ok) return judged;
  const { quorum, cosignatures } = judged.value;
  if (!quorum)
    return err(new AppError('LOG_NOT_WITNESSED', 'The checkpoint has not the cosignatures that the policy asks for.'));
  const at = new Date(Math.max(0, ...cosignatures.map((one) => one.at.getTime()))).toISOString();
  return ok({ size, by: cosignatures.map(({ witness }) => witness), at });
}

export const witnessedLine = ({ size, by, at }: WitnessedReport): string =>
  `${size} entries cosigned by ${by.join(', ')} until ${at}`;
