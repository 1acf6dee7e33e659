import { readFile, writeFile } from 'node:fs/promises';
import type { Clock, ExchangeId } from '#kernel';
import type { WitnessPolicy } from '#merkle';
import type { CommandOutcome } from '../domain/command-outcome.js';
import type { EvidenceLanguage } from '../domain/evidence-bundle.js';
import { packEvidence } from '../infra/evidence-file.js';
import type { HubSettings } from '../infra/hub-settings.js';
import type { OpenedLog } from '../infra/open-log.js';
import { type SessionReader, openSession } from '../infra/open-session.js';
import { progressBar } from '../infra/progress.js';
import { checkpointToKeep } from '../infra/proved-leaves.js';
import { readKeptReceipt } from '../verify-log/check-receipts.js';
import { evidenceLines } from '../verify-evidence/evidence-lines.js';
import { makeEvidence } from './make-evidence.js';

export interface RunEvidence {
  readonly exchangeId: ExchangeId;
  readonly target: string;
  readonly reader: SessionReader;
  readonly hub: HubSettings;
  readonly log: OpenedLog;
  readonly language: EvidenceLanguage;
  /** Files of opened receipts. */
  readonly receipts: readonly string[];
  /** The bundle's checkpoint is one that it counts as witnessed. */
  readonly policy?: WitnessPolicy | undefined;
  readonly clock: Clock;
  /** No progress bar. */
  readonly quiet: boolean;
}

/** Writes the bundle and says at once whether it proves what it should. Errors: as `makeEvidence`, NOT_FOUND, LOG_NOT_WITNESSED. */
export async function runEvidence(request: RunEvidence): Promise<CommandOutcome> {
  const { exchangeId, target, reader, log, clock } = request;
  const session = await openSession(reader, request.hub);
  const lines = await session.transfer(exchangeId);
  const receipts = await Promise.all(request.receipts.map((path) => readFile(path, 'utf8')));
  const sizes = receipts.flatMap((text) => {
    const kept = readKeptReceipt(text, log.verifier);
    return kept.ok ? [kept.value.checkpoint.size - 1] : [];
  });
  const covered = Math.max(...lines.map(({ index }) => index), ...sizes);
  const kept = await checkpointToKeep(log, covered, request.policy);
  const progress = request.quiet ? undefined : progressBar();
  const { pieces, report } = await makeEvidence({
    exchangeId,
    madeBy: reader.agency,
    madeAt: clock.now(),
    language: request.language,
    lines,
    log: log.files,
    ...kept,
    verifierKey: log.verifierKey,
    receipts,
    policy: request.policy,
    onProgress: (done, of) => progress?.update('entries', done, of),
  }).finally(() => progress?.stop());
  await writeFile(target, packEvidence(pieces), { mode: 0o600 });
  return {
    ok: report.ok,
    data: { path: target, exchangeId, entries: lines.map(({ index }) => index), faults: report.faults },
    lines: [`evidence of ${exchangeId}: ${pieces.size} pieces in ${target}`, ...evidenceLines(report)],
  };
}
