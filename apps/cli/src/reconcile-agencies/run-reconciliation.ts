import { readFile, stat } from 'node:fs/promises';
import { parseLogBody } from '#envelope';
import { type AgencyId, AppError, unwrap } from '#kernel';
import { openBodyLine, parseBodyLine } from '../domain/body-line.js';
import { type CommandOutcome, UsageError } from '../domain/command-outcome.js';
import { type DisclosureView, parseDisclosureView, reconcile } from '../domain/disclosure-view.js';
import { exportFiles } from '../domain/entries-export.js';
import { bodiesFile } from '../domain/log-files.js';
import { LogFolder } from '../infra/log-folder.js';

const opening = ['message-released', 'message-re-released'];
/** What an export says of messages: those that were opened, as another export does, or all that went, as an agent’s view does. */
const counted = {
  opened: { sent: new Set(opening), received: new Set(opening) },
  all: { sent: new Set(['message-accepted']), received: new Set(['message-delivered', ...opening]) },
} as const;

export interface RunReconciliation {
  /** Each a view's file or the folder of an agency's own export: of the log with its bodies, or of its entries for a period. */
  readonly first: string;
  readonly second: string;
  /** Of exports: the two agencies, in that order. */
  readonly between?: readonly [AgencyId, AgencyId];
}

/** Compares what two agencies say went between them. Neither side's file shows the other more than hashes. */
export async function runReconciliation({ first, second, between }: RunReconciliation): Promise<CommandOutcome> {
  const [a, b] = between ?? [];
  const files = await Promise.all([first, second].map(isFileAt));
  const what = files.includes(true) ? 'all' : 'opened';
  const [one, other] = [await viewAt(first, what, a, b), await viewAt(second, what, b, a)];
  const unmatched = unwrap(reconcile(one, other));
  const known = new Set(one.sent).size + new Set(one.received).size;
  const matched = known - unmatched.filter(({ knownTo }) => knownTo === one.agency).length;
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

async function isFileAt(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new UsageError(`${path} is neither a file nor a folder.`);
  return found.isFile();
}

async function viewAt(
  path: string,
  what: keyof typeof counted,
  agency: AgencyId | undefined,
  counterpart: AgencyId | undefined,
): Promise<DisclosureView> {
  if (await isFileAt(path)) return unwrap(parseDisclosureView(await readFile(path, 'utf8')));
  if (!agency || !counterpart) throw new UsageError('--between is needed: an export does not say whose view is meant.');
  return viewOfExport(new LogFolder(path), what, [agency, counterpart]);
}

/** A message is sent by its sender and received by its recipient, once however often it was opened. */
async function viewOfExport(
  folder: LogFolder,
  what: keyof typeof counted,
  [agency, counterpart]: readonly [AgencyId, AgencyId],
): Promise<DisclosureView> {
  const sent = new Set<string>();
  const received = new Set<string>();
  const name = (await folder.has(bodiesFile)) ? bodiesFile : exportFiles.entries;
  if (!(await folder.has(name))) throw new AppError('NOT_FOUND', `${folder.path} has no bodies: export them.`);
  for await (const text of folder.lines(name)) {
    const line = unwrap(parseBodyLine(text));
    const { type, manifestHash, sender, recipient } = unwrap(parseLogBody(unwrap(openBodyLine(line)).body));
    if (manifestHash === undefined) continue;
    if (sender === agency && recipient === counterpart && counted[what].sent.has(type)) sent.add(manifestHash);
    if (sender === counterpart && recipient === agency && counted[what].received.has(type)) received.add(manifestHash);
  }
  return { v: 1, agency, counterpart, sent: [...sent], received: [...received] };
}
