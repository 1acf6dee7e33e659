import { logKeysFile } from '#envelope';
import type { WitnessPolicy } from '#merkle';
import { type CommandOutcome, UsageError } from '../domain/command-outcome.js';
import { verifierKeyFile } from '../domain/log-files.js';
import { keyIdIn, trustedKeys } from '../domain/log-keys.js';
import { witnessedLine } from '../domain/witnessed.js';
import { checkWitnessed } from '../fsck/check-witnessed.js';
import { LogFolder } from '../infra/log-folder.js';
import { readCheckpoint } from '../infra/open-log.js';
import { progressBar } from '../infra/progress.js';
import { reportLines } from './report-lines.js';
import { verifyLog } from './verify-log.js';

export interface RunVerification {
  readonly folder: string;
  readonly receipts: readonly string[];
  readonly someBodies: boolean;
  /** No progress bar. */
  readonly quiet: boolean;
  readonly verifierKey?: string | undefined;
  /** Who must have cosigned the log. */
  readonly policy?: WitnessPolicy;
}

/** Errors: CHECKPOINT_INVALID when the verifier key is none. */
export async function runVerification(request: RunVerification): Promise<CommandOutcome> {
  const folder = new LogFolder(request.folder);
  const keyOfFolder = (await folder.readText(verifierKeyFile))?.trim();
  const verifierKey = request.verifierKey ?? keyOfFolder;
  if (verifierKey === undefined) throw new UsageError('--verifier-key is needed: the folder has no log.vkey.');
  const trusted = await trustedKeys(verifierKey, await folder.read(logKeysFile));
  const logVerifier = trusted.keys;
  const progress = request.quiet ? undefined : progressBar();
  const verified = await verifyLog({
    folder,
    logVerifier,
    known: { verifierKey, trusted },
    receipts: request.receipts,
    someBodies: request.someBodies,
    onProgress: (entries, size) => progress?.update('entries', entries, size),
  }).finally(() => progress?.stop());
  const id = keyIdIn(verifierKey);
  const keyFrom = request.verifierKey === undefined ? 'folder' : 'given';
  const from = keyFrom === 'given' ? 'the key you gave' : `key of ${verifierKeyFile}: compare it with the one you know`;
  const judged =
    request.policy && verified.size !== undefined
      ? await checkWitnessed(
          request.policy,
          { files: folder, verifier: logVerifier, checkpoint: await readCheckpoint(folder, logVerifier) },
          new Date(),
        )
      : undefined;
  const faults = [...(judged?.faults ?? []), ...verified.faults];
  const report = { ...verified, ok: verified.ok && faults.length === 0, faults };
  const witnessed = judged?.witnessed;
  const { ok, ...data } = report;
  return {
    ok,
    data: { ...data, ...(witnessed && { witnessed }), verifierKey, keyFrom },
    lines: [
      ...(witnessed ? [`Witnessed, of ${report.size} entries: ${witnessedLine(witnessed)}`] : []),
      ...reportLines(report, { id, from }),
    ],
  };
}
