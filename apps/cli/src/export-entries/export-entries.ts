import { mkdir, open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Chain, logKeysFile } from '#envelope';
import { type AgencyId, AppError } from '#kernel';
import { assembleMultiProof, multiProofNodes, readNodes } from '#merkle';
import {
  type Boundary,
  type ChainPage,
  type EntriesExport,
  exportFiles,
  formatProofLine,
  provedByLine,
} from '../domain/entries-export.js';
import { type LogFiles, checkpointFile, verifierKeyFile } from '../domain/log-files.js';
import type { KeptCheckpoint } from '../infra/proved-leaves.js';
import { readTombstones } from '../infra/read-tombstones.js';
import { tableLine } from './table-lines.js';

export interface ExportEntries {
  readonly folder: string;
  readonly madeBy: AgencyId;
  readonly chain: Chain;
  readonly from: string;
  /** Before then; what is still to come is not waited for. */
  readonly until: string;
  readonly now: Date;
  readonly table: boolean;
  readonly page: (cursor: string | undefined, until: string) => Promise<ChainPage>;
  /** The published log, once it holds that entry. */
  readonly checkpointOver: (index: number) => Promise<KeptCheckpoint>;
  readonly log: LogFiles;
  readonly verifierKey: string;
}

/** What is known after a whole page: all that a killed export needs to go on. */
interface State {
  readonly question: string;
  /** At the latest when the export began: the entry of its own first search bounds the answer. */
  readonly until: string;
  readonly cursor?: string;
  readonly done: boolean;
  readonly entries: number;
  /** Of what is appended page by page. */
  readonly bytes: Readonly<Record<Appended, number>>;
  readonly before?: Boundary;
  readonly after?: Boundary;
  /** Of the lines. */
  readonly newest?: { readonly index: number; readonly loggedAt: string };
}

/** What each page adds to: a state that held it would be written as often as there are pages. */
const appended = { lines: exportFiles.entries, table: exportFiles.table, erased: exportFiles.erased } as const;
type Appended = keyof typeof appended;

/**
 * Writes the entries of one chain for a period, page by page, and then what proves that none was left out. Called again after it
 * was killed, it goes on after the last whole page and writes the same lines as if it had not been. Errors: CONFLICT (the folder
 * holds something else, or the beginning of another export), LOG_INCONSISTENT, those of `page`.
 */
export async function exportEntries(request: ExportEntries): Promise<EntriesExport> {
  await mkdir(request.folder, { recursive: true, mode: 0o700 });
  const state = await takePages(request, await stateOf(request));
  const { madeBy, chain, from, table } = request;
  const { entries, before, after, newest } = state;
  const erased = await erasedOf(request);
  // Who asks about another agency leaves no entry in its chain: then its newest entry is what bounds the answer.
  const until = after ? state.until : (newest?.loggedAt ?? state.until);
  const index: EntriesExport = {
    v: 1,
    madeBy,
    chain,
    from,
    until,
    entries,
    ...(before && { before }),
    ...(after && { after }),
    erased,
    table,
  };
  await prove(request, index, newest?.index ?? -1);
  await writeFile(at(request, exportFiles.index), `${JSON.stringify(index, undefined, 2)}\n`, { mode: 0o600 });
  await rm(at(request, exportFiles.state));
  await rm(at(request, exportFiles.erased));
  return index;
}

async function takePages(request: ExportEntries, begun: State): Promise<State> {
  const ask = (cursor: string | undefined): Promise<ChainPage> => {
    const page = request.page(cursor, begun.until);
    // Awaited only when the one before is written.
    page.catch(() => undefined);
    return page;
  };
  let state = begun;
  for (let coming = state.done ? undefined : ask(state.cursor); coming !== undefined;) {
    const page: ChainPage = await coming;
    coming = page.cursor === undefined ? undefined : ask(page.cursor);
    state = await append(request, state, page);
  }
  return state;
}

const at = ({ folder }: Pick<ExportEntries, 'folder'>, name: string): string => join(folder, name);

/** The table only where it is asked for. */
const filesOf = ({ table }: ExportEntries): Appended[] => ['lines', ...(table ? (['table'] as const) : []), 'erased'];

/** The state that was kept, with the files cut to it; or a fresh one. */
async function stateOf(request: ExportEntries): Promise<State> {
  const { chain, from, until, madeBy, table } = request;
  const question = JSON.stringify({ v: 2, chain, from, until, madeBy, table });
  const kept = await readFile(at(request, exportFiles.state), 'utf8').catch(() => undefined);
  if (kept === undefined) {
    if ([exportFiles.index, exportFiles.entries, checkpointFile].some((name) => existsSync(at(request, name))))
      throw new AppError('CONFLICT', 'The folder holds something else.');
    const head = table ? tableLine() : '';
    for (const file of filesOf(request))
      await writeFile(at(request, appended[file]), file === 'table' ? head : '', { mode: 0o600 });
    const state = {
      question,
      until: [until, request.now.toISOString()].sort()[0] ?? until,
      done: false,
      entries: 0,
      bytes: { lines: 0, table: Buffer.byteLength(head), erased: 0 },
    };
    await keep(request, state);
    return state;
  }
  const state = JSON.parse(kept) as State;
  if (state.question !== question) throw new AppError('CONFLICT', 'The folder holds the beginning of another export.');
  for (const file of filesOf(request)) await truncate(at(request, appended[file]), state.bytes[file]);
  return state;
}

async function append(request: ExportEntries, state: State, page: ChainPage): Promise<State> {
  const texts: Readonly<Record<Appended, string>> = {
    lines: page.lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    table: request.table ? page.lines.map((line) => tableLine(line)).join('') : '',
    erased: page.erased.map(({ index, number }) => `${JSON.stringify({ index, number })}\n`).join(''),
  };
  const written = filesOf(request).filter((file) => texts[file] !== '');
  await Promise.all(written.map((file) => add(at(request, appended[file]), texts[file])));
  const bytes = { ...state.bytes };
  for (const file of written) bytes[file] += Buffer.byteLength(texts[file]);
  const before = state.before ?? page.before;
  const last = page.lines.at(-1);
  const newest = last ? { index: last.index, loggedAt: last.place.loggedAt } : state.newest;
  const next: State = {
    question: state.question,
    until: state.until,
    ...(page.cursor !== undefined && { cursor: page.cursor }),
    done: page.cursor === undefined,
    entries: state.entries + page.lines.length,
    bytes,
    ...(before && { before }),
    ...(page.after && { after: page.after }),
    ...(newest && { newest }),
  };
  await keep(request, next);
  return next;
}

/** On disk before the state says so. */
async function add(path: string, text: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    await file.appendFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function keep(request: ExportEntries, state: State): Promise<void> {
  const path = at(request, exportFiles.state);
  await writeFile(`${path}.new`, JSON.stringify(state), { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}

/** Under one checkpoint: first the bounds and tombstones, then the entries, so many in a line. */
async function prove(request: ExportEntries, { before, after, erased }: EntriesExport, newest: number): Promise<void> {
  const path = at(request, exportFiles.proofs);
  const bounds = [before, after].flatMap((bound) => (bound ? [bound.index] : []));
  await rm(at(request, exportFiles.tombstones), { force: true });
  const last = Math.max(-1, ...bounds, newest);
  const { checkpoint, published } = await request.checkpointOver(last);
  if (last >= checkpoint.size)
    throw new AppError('UNAVAILABLE', `The published log does not hold entry ${last} yet. Call again.`);
  await writeFile(at(request, checkpointFile), checkpoint.note);
  await writeFile(at(request, verifierKeyFile), `${request.verifierKey}\n`);
  const links = await request.log.read(logKeysFile);
  if (links) await writeFile(at(request, logKeysFile), links);
  await writeFile(path, '', { mode: 0o600 });
  const tombstones = await readTombstones(
    { files: request.log, tree: checkpoint, published },
    erased.map(({ index }) => index),
  );
  const stones = tombstones.map(({ index, entry }) => JSON.stringify({ index, entry: entry.toString('base64') }));
  if (stones.length > 0) await add(at(request, exportFiles.tombstones), stones.map((one) => `${one}\n`).join(''));
  const line = async (indices: readonly number[]): Promise<void> => {
    if (indices.length === 0) return;
    const { size } = checkpoint;
    const nodes = await readNodes(multiProofNodes(indices, size), published, (name) => request.log.read(name));
    await add(path, `${formatProofLine({ indices, ...assembleMultiProof(indices, size, nodes) })}\n`);
  };
  const heads = [...new Set([...bounds, ...tombstones.map(({ index }) => index)])].sort((a, b) => a - b);
  for (let from = 0; from < heads.length; from += provedByLine) await line(heads.slice(from, from + provedByLine));
  let indices: number[] = [];
  for await (const text of linesIn(at(request, exportFiles.entries))) {
    indices.push(indexOfLine(text));
    if (indices.length < provedByLine) continue;
    await line(indices);
    indices = [];
  }
  await line(indices);
}

const linesIn = (path: string): AsyncIterable<string> =>
  createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity });

/** Of a line that this export has written itself: its first member. */
function indexOfLine(line: string): number {
  const [, index] = /^\{"index":(\d+),/.exec(line) ?? [];
  if (index === undefined) throw new AppError('CONFLICT', `Somebody else writes into ${exportFiles.entries}.`);
  return Number(index);
}

async function erasedOf(request: ExportEntries): Promise<EntriesExport['erased']> {
  const erased: EntriesExport['erased'][number][] = [];
  for await (const line of linesIn(at(request, exportFiles.erased)))
    erased.push(JSON.parse(line) as EntriesExport['erased'][number]);
  return erased;
}
