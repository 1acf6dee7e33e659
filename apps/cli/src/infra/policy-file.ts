import { readFile } from 'node:fs/promises';
import { unwrap } from '#kernel';
import { type WitnessPolicy, parsePolicy } from '#merkle';
import { UsageError } from '../domain/command-outcome.js';

/** @throws UsageError where there is no such file; AppError CONFIG_INVALID with the line that is wrong */
export async function readPolicyFile(path: string): Promise<WitnessPolicy> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) throw new UsageError('--policy names no file.');
  return unwrap(parsePolicy(text));
}
