import { readFile, writeFile } from 'node:fs/promises';
import type { Clock, ExchangeId } from '#kernel';
import type { CommandOutcome } from '../domain/command-outcome.js';
import type { EvidenceLanguage } from '../domain/evidence-bundle.js';
import { packEvidence } from '../infra/evidence-file.js';
import type { HubSettings } from '../infra/hub-settings.js';
import type { OpenedLog } from '../infra/open-log.js';
import { type SessionReader, openSession } from '../infra/open-session.js';
import { progressBar } from '../infra/progress.js';
import { checkpointOver } from '../infra/proved-leaves.js';
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
  readonly clock: Clock;
  /** No progress bar. */
  readonly quiet: boolean;
}

/** Writes the bundle and says at once whether it proves what it should. Errors: as `makeEvidence`, NOT_FOUND. */
export async function runEvidence(request: RunEvidence): Promise<CommandOutcome> {
  const { exchangeId, target, reader, log, clock } = request;
  const session = await openSession(reader, request.hub);
  const lines = await session.transfer(exchangeId);
  const checkpoint = await checkpointOver(log, Math.max(...lines.map(({ index }) => index)));
  const progress = request.quiet ? undefined : progressBar();
  const { pieces, report } = await makeEvidence({
    exchangeId,
    madeBy: reader.agency,
    madeAt: clock.now(),
    language: request.language,
    lines,
    log: log.files,
    checkpoint,
    verifierKey: log.verifierKey,
    receipts: await Promise.all(request.receipts.map((path) => readFile(path, 'utf8'))),
    onProgress: (done, of) => progress?.update('entries', done, of),
  }).finally(() => progress?.stop());
  await writeFile(target, packEvidence(pieces), { mode: 0o600 });
  return {
    ok: report.ok,
    data: { path: target, exchangeId, entries: lines.map(({ index }) => index), faults: report.faults },
    lines: [`evidence of ${exchangeId}: ${pieces.size} pieces in ${target}`, ...evidenceLines(report)],
  };
}
