import { openCheckpoint } from '#merkle';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { checkpointFile, verifierKeyFile } from '../domain/log-files.js';
import type { LogFault } from '../domain/log-fault.js';
import { LogInDatabase } from '../infra/log-in-database.js';
import type { OpenedLog } from '../infra/open-log.js';
import { progressBar } from '../infra/progress.js';
import { reportLines } from '../verify-log/report-lines.js';
import { type VerifyLogReport, verifyLog } from '../verify-log/verify-log.js';
import { checkEarlier } from './check-earlier.js';
import { checkRows } from './check-rows.js';
import { recomputeLog } from './recompute-log.js';

export interface FsckRequest {
  /** Checkpoints, proof files and exports that were kept: the log must have grown from each. */
  readonly earlier?: readonly string[];
  /** The log comes with some of its bodies only. */
  readonly someBodies?: boolean;
  readonly onProgress?: (what: string, done: number, of: number) => void;
}

/**
 * Checks a log wherever it lies: everything is recomputed in parallel; only where something differs it is gone through
 * place by place, so that each fault is named by its entry.
 */
export async function fsck(log: OpenedLog, request: FsckRequest = {}): Promise<VerifyLogReport> {
  const { files, verifier } = log;
  const note = (await files.read(checkpointFile))?.toString('utf8');
  const opened = openCheckpoint(note ?? '', verifier);
  const someBodies = request.someBodies === true;
  const recomputed = opened.ok
    ? await recomputeLog(log, opened.value, {
        someBodies,
        onProgress: (done, of) => request.onProgress?.('entries', done, of),
      })
    : undefined;
  const named =
    recomputed && opened.ok
      ? wholeReport(opened.value, recomputed)
      : await verifyLog({
          folder: files,
          logVerifier: verifier,
          someBodies,
          onProgress: (done, of) => request.onProgress?.('naming', done, of),
        });
  const faults: LogFault[] = [];
  if (opened.ok) {
    if (files instanceof LogInDatabase) faults.push(...(await checkRows(files, opened.value.size)));
    for (const path of request.earlier ?? [])
      faults.push(...(await checkEarlier(path, { files, verifier, checkpoint: opened.value })));
  }
  return { ...named, ok: named.ok && faults.length === 0, faults: [...faults, ...named.faults] };
}

function wholeReport(
  { origin, size, root }: { readonly origin: string; readonly size: number; readonly root: Buffer },
  { bodies, ...entries }: { readonly opaque: number; readonly clear: number; readonly bodies?: number },
): VerifyLogReport {
  return {
    ok: true,
    origin,
    size,
    root: root.toString('base64'),
    entries,
    ...(bodies !== undefined && { bodies }),
    receipts: [],
    faults: [],
    furtherFaults: 0,
    gaps: [],
  };
}

/** As a command. */
export async function runFsck(
  log: OpenedLog,
  request: Omit<FsckRequest, 'onProgress'> & { readonly quiet: boolean },
): Promise<CommandOutcome> {
  const begun = process.hrtime.bigint();
  const progress = request.quiet ? undefined : progressBar();
  const report = await fsck(log, {
    ...request,
    onProgress: (what, done, of) => progress?.update(what, done, of),
  }).finally(() => progress?.stop());
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  const id = `${log.verifier.name}+${log.verifier.keyId.toString('hex')}`;
  const from =
    log.keyFrom === 'given' ? 'the key you gave' : `key of ${verifierKeyFile}: compare it with the one you know`;
  const { ok, ...data } = report;
  return {
    ok,
    data: { ...data, verifierKey: log.verifierKey, keyFrom: log.keyFrom, seconds },
    lines: [...reportLines(report, { id, from }), `${seconds.toFixed(1)} s`],
  };
}
