import { readFileSync } from 'node:fs';
import { AppError } from '#kernel';
import { allowsTwoBranches, parsePolicy, type WitnessPolicy } from '#merkle';
import type { Logger } from './logging.js';

/**
 * The policy file of WITNESS_POLICY_FILE (C2SP tlog-policy). Warns of one by which two branches of a log could both be
 * witnessed.
 *
 * @param origin log that it must name, unless it names none
 * @throws AppError CONFIG_INVALID, with the line that is wrong
 */
export function readWitnessPolicy(path: string, origin: string, logger: Pick<Logger, 'warn'>): WitnessPolicy {
  const policy = parsePolicy(textOf(path));
  if (!policy.ok) throw policy.error;
  const { logs } = policy.value;
  if (logs.length > 0 && !logs.some(({ verifier }) => verifier.name === origin))
    throw new AppError('CONFIG_INVALID', 'WITNESS_POLICY_FILE: names other logs only');
  if (allowsTwoBranches(policy.value))
    logger.warn({ policy: path }, 'by this witness policy two branches of the log could both be witnessed');
  return policy.value;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new AppError('CONFIG_INVALID', 'WITNESS_POLICY_FILE: cannot be read');
  }
}
