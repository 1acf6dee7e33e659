import { readFile, stat } from 'node:fs/promises';
import { parseLogBody } from '#envelope';
import { type AgencyId, AppError, unwrap } from '#kernel';
import { openBodyLine, parseBodyLine } from '../domain/body-line.js';
import { type CommandOutcome, UsageError } from '../domain/command-outcome.js';
import { type DisclosureView, parseDisclosureView, reconcile } from '../domain/disclosure-view.js';
import { bodiesFile } from '../domain/log-files.js';
import { LogFolder } from '../infra/log-folder.js';

const opening = new Set(['message-released', 'message-re-released']);

export interface RunReconciliation {
  /** Each a view's file or the folder of an agency's own export of the log. */
  readonly first: string;
  readonly second: string;
  /** Of exports: the two agencies, in that order. */
  readonly between?: readonly [AgencyId, AgencyId];
}

/** Compares what two agencies say went between them. Neither side's file shows the other more than hashes. */
export async function runReconciliation({ first, second, between }: RunReconciliation): Promise<CommandOutcome> {
  const [a, b] = between ?? [];
  const [one, other] = [await viewAt(first, a, b), await viewAt(second, b, a)];
  const unmatched = unwrap(reconcile(one, other));
  const matched =
    one.sent.length + one.received.length - unmatched.filter(({ knownTo }) => knownTo === one.agency).length;
  return {
    ok: unmatched.length === 0,
    data: { between: [one.agency, other.agency], matched, unmatched },
    lines: [
      ...unmatched.map(
        ({ knownTo, unknownTo, direction, hash }) =>
          `UNMATCHED ${knownTo} has ${direction} ${hash}, of which ${unknownTo} knows nothing`,
      ),
      unmatched.length === 0
        ? `Reconciled: ${matched} disclosures between ${one.agency} and ${other.agency}, each known to both.`
        : `NOT reconciled: ${unmatched.length} of ${matched + unmatched.length} disclosures are known to one side only.`,
    ],
  };
}

async function viewAt(
  path: string,
  agency: AgencyId | undefined,
  counterpart: AgencyId | undefined,
): Promise<DisclosureView> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new UsageError(`${path} is neither a file nor a folder.`);
  if (found.isFile()) return unwrap(parseDisclosureView(await readFile(path, 'utf8')));
  if (!agency || !counterpart) throw new UsageError('--between is needed: an export does not say whose view is meant.');
  return viewOfExport(new LogFolder(path), agency, counterpart);
}

/** An opened message is sent by its sender and received by its recipient, once however often it was opened. */
async function viewOfExport(folder: LogFolder, agency: AgencyId, counterpart: AgencyId): Promise<DisclosureView> {
  const sent = new Set<string>();
  const received = new Set<string>();
  if (!(await folder.has(bodiesFile))) throw new AppError('NOT_FOUND', `${folder.path} has no bodies: export them.`);
  for await (const text of folder.lines(bodiesFile)) {
    const line = unwrap(parseBodyLine(text));
    const body = unwrap(parseLogBody(unwrap(openBodyLine(line)).body));
    if (!opening.has(body.type) || body.manifestHash === undefined) continue;
    if (body.sender === agency && body.recipient === counterpart) sent.add(body.manifestHash);
    if (body.sender === counterpart && body.recipient === agency) received.add(body.manifestHash);
  }
  return { v: 1, agency, counterpart, sent: [...sent], received: [...received] };
}
