import { parseVerifierKey } from '#merkle';
import { unwrap } from '#kernel';
import { type CommandOutcome, UsageError } from '../domain/command-outcome.js';
import { verifierKeyFile } from '../domain/log-files.js';
import { LogFolder } from '../infra/log-folder.js';
import { progressBar } from '../infra/progress.js';
import { reportLines } from './report-lines.js';
import { verifyLog } from './verify-log.js';

export interface RunVerification {
  readonly folder: string;
  readonly receipts: readonly string[];
  readonly someBodies: boolean;
  /** No progress bar. */
  readonly quiet: boolean;
  readonly verifierKey?: string;
}

/** Errors: CHECKPOINT_INVALID when the verifier key is none. */
export async function runVerification(request: RunVerification): Promise<CommandOutcome> {
  const folder = new LogFolder(request.folder);
  const keyOfFolder = (await folder.readText(verifierKeyFile))?.trim();
  const verifierKey = request.verifierKey ?? keyOfFolder;
  if (verifierKey === undefined) throw new UsageError('--verifier-key is needed: the folder has no log.vkey.');
  const logVerifier = unwrap(parseVerifierKey(verifierKey));
  const progress = request.quiet ? undefined : progressBar();
  const report = await verifyLog({
    folder,
    logVerifier,
    receipts: request.receipts,
    someBodies: request.someBodies,
    onProgress: (entries, size) => progress?.update('entries', entries, size),
  }).finally(() => progress?.stop());
  const id = `${logVerifier.name}+${logVerifier.keyId.toString('hex')}`;
  const keyFrom = request.verifierKey === undefined ? 'folder' : 'given';
  const from = keyFrom === 'given' ? 'the key you gave' : `key of ${verifierKeyFile}: compare it with the one you know`;
  const { ok, ...data } = report;
  return { ok, data: { ...data, verifierKey, keyFrom }, lines: reportLines(report, { id, from }) };
}
