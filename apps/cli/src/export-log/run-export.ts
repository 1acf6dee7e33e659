import type { CommandOutcome } from '../domain/command-outcome.js';
import type { HubSettings } from '../infra/hub-settings.js';
import { progressBar } from '../infra/progress.js';
import type { OpenedLog } from '../infra/open-log.js';
import { type SessionReader, openSession } from '../infra/open-session.js';
import { PublicHub } from '../infra/public-hub.js';
import { exportLog } from './export-log.js';
import { TiledSource } from './tiled-source.js';

export interface RunExport {
  readonly target: string;
  readonly hub: HubSettings;
  /** Read by its published files. Who reads bodies asks for entries up to this moment instead. */
  readonly log?: OpenedLog;
  /** No progress bar. */
  readonly quiet: boolean;
  /** Who reads the bodies; nobody gives a log without them. */
  readonly reader?: SessionReader;
}

export async function runExport({ target, hub, log, quiet, reader }: RunExport): Promise<CommandOutcome> {
  const verifierKey = log?.verifierKey ?? (await hub.get('verifierKey'));
  const session = reader && (await openSession(reader, hub));
  const progress = quiet ? undefined : progressBar();
  const report = await exportLog({
    target,
    source: log ? new TiledSource(log.files) : new PublicHub(await hub.get('gateway')),
    verifierKey,
    ...(session && { bodies: (size, from) => session.bodies(size, from) }),
    onProgress: (what, done, of) => progress?.update(what, done, of),
  }).finally(() => progress?.stop());
  const { folder, origin, size, root, bodies, kept, earlierSize, problem } = report;
  return {
    ok: problem === undefined,
    data: { ...report, ...(problem && { problem: { code: problem.code, detail: problem.detail } }) },
    lines: [
      `Log ${origin}: ${size} entries, root ${root}`,
      `  written to  ${folder}`,
      ...(bodies === undefined ? [] : [`  bodies      ${bodies}`]),
      ...(kept === undefined ? [] : [`  kept        ${kept} entries of an export that was interrupted`]),
      ...(earlierSize === undefined
        ? []
        : [`  continues   the export of ${earlierSize} entries`].filter(() => !problem)),
      ...(problem ? [`${problem.code}: ${problem.detail} The folder is kept as evidence.`] : []),
    ],
  };
}
