import { systemClock } from '#kernel';
import { openCheckpoint, type WitnessPolicy } from '#merkle';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { checkpointFile, verifierKeyFile } from '../domain/log-files.js';
import { FaultList } from '../domain/log-fault.js';
import { checkLogKeys, keyIdIn } from '../domain/log-keys.js';
import { type WitnessedReport, witnessedLine } from '../domain/witnessed.js';
import { LogInDatabase } from '../infra/log-in-database.js';
import type { OpenedLog } from '../infra/open-log.js';
import { progressBar } from '../infra/progress.js';
import { reportLines } from '../verify-log/report-lines.js';
import { type VerifyLogReport, verifyLog } from '../verify-log/verify-log.js';
import { checkAllSealed } from './check-all-sealed.js';
import { checkCheckpoints } from './check-checkpoints.js';
import { checkEarlier } from './check-earlier.js';
import { checkRows } from './check-rows.js';
import { checkWitnessed } from './check-witnessed.js';
import { type RecomputedLog, recomputeLog } from './recompute-log.js';

export interface FsckRequest {
  /** Checkpoints, proof files and exports that were kept: the log must have grown from each. */
  readonly earlier?: readonly string[];
  /** The log comes with some of its bodies only. */
  readonly someBodies?: boolean;
  /** Who must have cosigned the log. */
  readonly policy?: WitnessPolicy;
  /** Files with key-encryption keys, by which the sealed bodies of a database are opened. */
  readonly keks?: readonly string[];
  readonly onProgress?: (what: string, done: number, of: number) => void;
}

export interface FsckReport extends VerifyLogReport {
  /** By the policy that was given. */
  readonly witnessed?: WitnessedReport;
}

/**
 * Checks a log wherever it lies: everything is recomputed in parallel; only where something differs it is gone through
 * place by place, so that each fault is named by its entry.
 */
export async function fsck(log: OpenedLog, request: FsckRequest = {}): Promise<FsckReport> {
  const { files, verifier, verifierKey, trusted } = log;
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
          known: { verifierKey, trusted },
          someBodies,
          onProgress: (done, of) => request.onProgress?.('naming', done, of),
        });
  if (!opened.ok) return named;
  const { size } = opened.value;
  const faults = new FaultList();
  if (recomputed) faults.addAll(await checkLogKeys(recomputed.keyEntries, { verifierKey, trusted, ...opened.value }));
  let sealed: number | undefined;
  if (files instanceof LogInDatabase) {
    faults.addAll(await checkRows(files, size));
    faults.addAll(await checkCheckpoints(files, { size, verifier }));
    if (request.keks && request.keks.length > 0) {
      const onProgress = (done: number): void => request.onProgress?.('sealed bodies', done, size);
      const checked = await checkAllSealed(log, size, request.keks, onProgress);
      sealed = checked.opened;
      faults.addAll(checked.faults);
    }
  }
  const shown = { files, verifier, checkpoint: opened.value };
  for (const path of request.earlier ?? []) faults.addAll(await checkEarlier(path, shown));
  const judged = request.policy && (await checkWitnessed(request.policy, shown, systemClock.now()));
  faults.addAll(judged?.faults ?? []);
  return {
    ...named,
    ok: named.ok && faults.count === 0,
    ...(sealed !== undefined && { bodies: sealed }),
    ...(judged?.witnessed && { witnessed: judged.witnessed }),
    faults: [...faults.kept, ...named.faults],
    furtherFaults: named.furtherFaults + faults.count - faults.kept.length,
  };
}

function wholeReport(
  { origin, size, root }: { readonly origin: string; readonly size: number; readonly root: Buffer },
  { bodies, erased, opaque, clear }: RecomputedLog,
): VerifyLogReport {
  return {
    ok: true,
    origin,
    size,
    root: root.toString('base64'),
    entries: { opaque, clear },
    erased,
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
  const id = keyIdIn(log.verifierKey);
  const from =
    log.keyFrom === 'given' ? 'the key you gave' : `key of ${verifierKeyFile}: compare it with the one you know`;
  const { ok, ...data } = report;
  return {
    ok,
    data: { ...data, verifierKey: log.verifierKey, keyFrom: log.keyFrom, seconds },
    lines: [...witnessedLines(report), ...reportLines(report, { id, from }), `${seconds.toFixed(1)} s`],
  };
}

const witnessedLines = ({ size, witnessed }: FsckReport): string[] =>
  witnessed ? [`Witnessed, of ${size} entries: ${witnessedLine(witnessed)}`] : [];
