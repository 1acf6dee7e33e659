import { readFile, stat } from 'node:fs/promises';
import {
  type DisclosureView,
  type LoggedKeys,
  type UnopenedEnd,
  disclosureViewHash,
  parseLogBody,
  readStatement,
  unopenedEnds,
  verifyStatement,
} from '#envelope';
import { type AgencyId, AppError, type Result, type Sha256, err, fromNumericDate, ok, unwrap } from '#kernel';
import { openBodyLine, parseBodyLine } from '../domain/body-line.js';
import { UsageError } from '../domain/command-outcome.js';
import { parseDisclosureView } from '../domain/disclosure-view.js';
import { exportFiles } from '../domain/entries-export.js';
import { bodiesFile } from '../domain/log-files.js';
import { LogFolder } from '../infra/log-folder.js';
import { verifyEntries } from '../verify-entries/verify-entries.js';

/** What vouches for one side's view. */
export type Standing =
  /** By a key of the agency that the log has, at that moment. */
  | { readonly kind: 'signed'; readonly at: string }
  /** With a signature that nothing was given to verify. */
  | { readonly kind: 'signature-unverified' }
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'signature-wrong'; readonly code: string }
  /** An export of the agency's own chain that leaves nothing out of this time. */
  | { readonly kind: 'complete'; readonly from: string; readonly until: string; readonly size: number }
  | { readonly kind: 'incomplete'; readonly why: string }
  /** An export of bodies: each is in the log, and nothing says that they are all. */
  | { readonly kind: 'completeness-unknown' };

export interface AgencyView {
  readonly view: DisclosureView;
  readonly standing: Standing;
}

/** The log's key and the agencies' keys in it, where a log is at hand. */
export interface KnownKeys {
  readonly verifierKey: string;
  readonly agencies: LoggedKeys;
}

const opening = ['message-released', 'message-re-released'];
const arrived = new Set(['message-delivered', ...opening]);
/** What an export says of messages: those that were opened, as another export does, or all that went, as an agent’s view does. */
const counted = {
  opened: { sent: new Set(opening), received: new Set(opening) },
  all: { sent: new Set(['message-accepted']), received: arrived },
} as const;
export type Counted = keyof typeof counted;

export async function isFileAt(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new UsageError(`${path} is neither a file nor a folder.`);
  return found.isFile();
}

/** Errors: MALFORMED, NOT_FOUND, LEAF_MISMATCH, CHECKPOINT_INVALID. */
export async function viewAt(
  path: string,
  what: Counted,
  [agency, counterpart]: readonly [AgencyId | undefined, AgencyId | undefined],
  known: KnownKeys | undefined,
): Promise<AgencyView> {
  if (await isFileAt(path)) {
    const { view, statement } = unwrap(parseDisclosureView(await readFile(path, 'utf8')));
    return { view, standing: await signedBy(view, statement, known?.agencies) };
  }
  if (!agency || !counterpart) throw new UsageError('--between is needed: an export does not say whose view is meant.');
  const folder = new LogFolder(path);
  const view = await viewOfExport(folder, what, [agency, counterpart]);
  return { view, standing: await completenessOf(folder, agency, known?.verifierKey) };
}

async function signedBy(
  view: DisclosureView,
  statement: string | undefined,
  keys: LoggedKeys | undefined,
): Promise<Standing> {
  if (statement === undefined) return { kind: 'unsigned' };
  if (!keys) return { kind: 'signature-unverified' };
  const at = await momentOf(view, statement, keys);
  return at.ok ? { kind: 'signed', at: at.value } : { kind: 'signature-wrong', code: at.error.code };
}

/** When it was signed. Errors: those of a statement, KEY_NOT_LOGGED, KEY_REVOKED, SIGNATURE_INVALID (of another view). */
async function momentOf(view: DisclosureView, statement: string, keys: LoggedKeys): Promise<Result<string>> {
  const read = readStatement('disclosure-view', statement);
  if (!read.ok) return read;
  const at = fromNumericDate(read.value.payload.iat);
  const key = await keys.signingKey(view.agency, read.value.kid, at);
  if (!key.ok) return key;
  const verified = await verifyStatement('disclosure-view', statement, key.value);
  if (!verified.ok) return verified;
  const { agency, counterpart, viewHash } = verified.value;
  return agency === view.agency && counterpart === view.counterpart && viewHash === disclosureViewHash(view)
    ? ok(at.toISOString())
    : err(new AppError('SIGNATURE_INVALID', 'The statement is about another view.'));
}

/** A message is sent by its sender and received by its recipient, once however often it was opened. */
async function viewOfExport(
  folder: LogFolder,
  what: Counted,
  [agency, counterpart]: readonly [AgencyId, AgencyId],
): Promise<DisclosureView> {
  const sent = new Set<Sha256>();
  const received = new Set<Sha256>();
  const there = new Set<Sha256>();
  const ends = new Map<Sha256, UnopenedEnd>();
  const name = (await folder.has(bodiesFile)) ? bodiesFile : exportFiles.entries;
  if (!(await folder.has(name))) throw new AppError('NOT_FOUND', `${folder.path} has no bodies: export them.`);
  for await (const text of folder.lines(name)) {
    const line = unwrap(parseBodyLine(text));
    const { type, manifestHash, sender, recipient } = unwrap(parseLogBody(unwrap(openBodyLine(line)).body));
    if (manifestHash === undefined) continue;
    if (sender === agency && recipient === counterpart) {
      if (counted[what].sent.has(type)) sent.add(manifestHash);
      if (arrived.has(type)) there.add(manifestHash);
      const as = unopenedEnds.find((end) => type === `message-${end}`);
      if (as) ends.set(manifestHash, as);
    }
    if (sender === counterpart && recipient === agency && counted[what].received.has(type)) received.add(manifestHash);
  }
  // The log says of each message whether it arrived, so nobody needs to be believed.
  const ended = [...ends].flatMap(([hash, as]) => (there.has(hash) ? [] : { hash, as }));
  return { v: 1, agency, counterpart, sent: [...sent], received: [...received], ended };
}

/** Of an export for a period: whether it is proved that nothing of the agency's chain was left out. */
async function completenessOf(folder: LogFolder, agency: AgencyId, verifierKey: string | undefined): Promise<Standing> {
  if (await folder.has(bodiesFile)) return { kind: 'completeness-unknown' };
  const verified = await verifyEntries(folder, verifierKey);
  if (!verified.ok) return { kind: 'incomplete', why: `${verified.error.code}: ${verified.error.detail}` };
  const { index, checkpoint, completeness, unreadable } = verified.value;
  const { chain, from, until } = index;
  if (chain !== agency) return { kind: 'incomplete', why: `It has the entries of ${chain}, not of ${agency}.` };
  const [fault] = completeness.faults;
  const [line] = unreadable;
  if (fault) return { kind: 'incomplete', why: [fault.kind, fault.number ?? fault.leafIndex].join(' ') };
  if (line !== undefined || !completeness.complete) return { kind: 'incomplete', why: line ?? 'not proved' };
  return { kind: 'complete', from, until, size: checkpoint.size };
}
