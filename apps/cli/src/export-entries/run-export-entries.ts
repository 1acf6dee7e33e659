import { addDays, isDay, startOfDay } from '#calendar';
import type { Chain } from '#envelope';
import type { Clock } from '#kernel';
import type { WitnessPolicy } from '#merkle';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { UsageError } from '../domain/command-outcome.js';
import type { HubSettings } from '../infra/hub-settings.js';
import type { OpenedLog } from '../infra/open-log.js';
import { type SessionReader, openSession } from '../infra/open-session.js';
import { checkpointToKeep } from '../infra/proved-leaves.js';
import { runVerifyEntries } from '../verify-entries/run-verify-entries.js';
import { exportEntries } from './export-entries.js';

export interface RunExportEntries {
  readonly folder: string;
  readonly reader: SessionReader;
  readonly hub: HubSettings;
  readonly log: OpenedLog;
  readonly of?: Chain;
  /** Days, both included. */
  readonly from: string;
  readonly until: string;
  readonly table: boolean;
  /** The export's checkpoint is one that it counts as witnessed. */
  readonly policy?: WitnessPolicy | undefined;
  readonly clock: Clock;
}

/** Writes an export and says at once whether it proves that nothing was left out. */
export async function runExportEntries(request: RunExportEntries): Promise<CommandOutcome> {
  const { folder, reader, log, table } = request;
  if (!isDay(request.from) || !isDay(request.until)) throw new UsageError('A day is written YYYY-MM-DD.');
  const [from, until] = [startOfDay(request.from), startOfDay(addDays(request.until, 1))].map((at) => at.toISOString());
  const session = await openSession(reader, request.hub);
  const of = request.of ?? (session.supervising ? undefined : reader.agency);
  if (of === undefined) throw new UsageError('--of is needed: whose entries, an agency’s or a subject’s?');
  if (from === undefined || until === undefined || from >= until)
    throw new UsageError('The period ends before it begins.');
  const index = await exportEntries({
    folder,
    madeBy: reader.agency,
    chain: of,
    from,
    until,
    table,
    now: request.clock.now(),
    page: (cursor, before) => session.chainPage({ of, from, until: before, cursor }),
    checkpointOver: (leaf) => checkpointToKeep(log, leaf, request.policy),
    log: log.files,
    verifierKey: log.verifierKey,
  });
  const { verifierKey } = log;
  const verified = await runVerifyEntries(folder, { verifierKey, policy: request.policy });
  return {
    ok: verified.ok,
    data: { folder, ...index, verified: verified.data },
    lines: [`${index.entries} entries in ${folder}`, ...verified.lines],
  };
}
