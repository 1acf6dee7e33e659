import { mkdir, open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Chain, logKeysFile } from '#envelope';
import { type AgencyId, AppError, unwrap } from '#kernel';
import { assembleInclusionProof, inclusionProofNodes, readNodes } from '#merkle';
import {
  type Boundary,
  type ChainPage,
  type EntriesExport,
  type PlacedLine,
  exportFiles,
  parsePlacedLine,
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
  readonly onPage?: (entries: number) => void;
}

/** What is known after a whole page: all that a killed export needs to go on. */
interface State {
  readonly question: string;
  /** At the latest when the export began: the entry of its own first search bounds the answer. */
  readonly until: string;
  readonly cursor?: string;
  readonly done: boolean;
  readonly entries: number;
  readonly bytes: { readonly lines: number; readonly table: number };
  readonly before?: Boundary;
  readonly after?: Boundary;
  readonly erased: EntriesExport['erased'];
}

const proofsTogether = 500;

/**
 * Writes the entries of one chain for a period, page by page, and then what proves that none was left out. Called again after it
 * was killed, it goes on after the last whole page and writes the same lines as if it had not been. Errors: CONFLICT (the folder
 * holds something else, or the beginning of another export), LOG_INCONSISTENT, those of `page`.
 */
export async function exportEntries(request: ExportEntries): Promise<EntriesExport> {
  await mkdir(request.folder, { recursive: true, mode: 0o700 });
  let state = await stateOf(request);
  while (!state.done) {
    const page = await request.page(state.cursor, state.until);
    state = await append(request, state, page);
    request.onPage?.(state.entries);
  }
  const { madeBy, chain, from, table } = request;
  const { entries, before, after, erased } = state;
  const newest = await newestLine(request);
  // Who asks about another agency leaves no entry in its chain: then its newest entry is what bounds the answer.
  const until = after ? state.until : (newest?.place.loggedAt ?? state.until);
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
  return index;
}

const at = ({ folder }: Pick<ExportEntries, 'folder'>, name: string): string => join(folder, name);

/** The state that was kept, with the files cut to it; or a fresh one. */
async function stateOf(request: ExportEntries): Promise<State> {
  const { chain, from, until, madeBy, table } = request;
  const question = JSON.stringify({ chain, from, until, madeBy, table });
  const kept = await readFile(at(request, exportFiles.state), 'utf8').catch(() => undefined);
  if (kept === undefined) {
    if ([exportFiles.index, exportFiles.entries, checkpointFile].some((name) => existsSync(at(request, name))))
      throw new AppError('CONFLICT', 'The folder holds something else.');
    const head = table ? tableLine() : '';
    await writeFile(at(request, exportFiles.entries), '', { mode: 0o600 });
    if (table) await writeFile(at(request, exportFiles.table), head, { mode: 0o600 });
    const state = {
      question,
      until: [until, request.now.toISOString()].sort()[0] ?? until,
      done: false,
      entries: 0,
      bytes: { lines: 0, table: Buffer.byteLength(head) },
      erased: [],
    };
    await keep(request, state);
    return state;
  }
  const state = JSON.parse(kept) as State;
  if (state.question !== question) throw new AppError('CONFLICT', 'The folder holds the beginning of another export.');
  await truncate(at(request, exportFiles.entries), state.bytes.lines);
  if (table) await truncate(at(request, exportFiles.table), state.bytes.table);
  return state;
}

async function append(request: ExportEntries, state: State, page: ChainPage): Promise<State> {
  const lines = page.lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const rows = request.table ? page.lines.map((line) => tableLine(line)).join('') : '';
  await add(at(request, exportFiles.entries), lines);
  if (request.table) await add(at(request, exportFiles.table), rows);
  const before = state.before ?? page.before;
  const next: State = {
    question: state.question,
    until: state.until,
    ...(page.cursor !== undefined && { cursor: page.cursor }),
    done: page.cursor === undefined,
    entries: state.entries + page.lines.length,
    bytes: {
      lines: state.bytes.lines + Buffer.byteLength(lines),
      table: state.bytes.table + Buffer.byteLength(rows),
    },
    ...(before && { before }),
    ...(page.after && { after: page.after }),
    erased: [...state.erased, ...page.erased],
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

/** One line for each entry: its index and the hashes from its leaf to the root of the checkpoint. */
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
    request.log,
    { size: checkpoint.size, published },
    erased.map(({ index }) => index),
  );
  const stones = tombstones.map(({ index, entry }) => JSON.stringify({ index, entry: entry.toString('base64') }));
  if (stones.length > 0) await add(at(request, exportFiles.tombstones), stones.map((one) => `${one}\n`).join(''));
  let batch: number[] = [...new Set([...bounds, ...tombstones.map(({ index }) => index)])];
  const flush = async (): Promise<void> => {
    const nodes = await readNodes(
      batch.flatMap((leaf) => inclusionProofNodes(leaf, checkpoint.size)),
      published,
      (name) => request.log.read(name),
    );
    const proofs = batch.map((leaf) => ({
      index: leaf,
      hashes: assembleInclusionProof(leaf, checkpoint.size, nodes).map((hash) => Buffer.from(hash).toString('base64')),
    }));
    await add(path, proofs.map((proof) => `${JSON.stringify(proof)}\n`).join(''));
    batch = [];
  };
  for await (const { index } of linesOf(request)) {
    batch.push(index);
    if (batch.length >= proofsTogether) await flush();
  }
  await flush();
}

async function* linesOf(request: ExportEntries): AsyncGenerator<PlacedLine> {
  for await (const line of createInterface({ input: createReadStream(at(request, exportFiles.entries), 'utf8') }))
    yield unwrap(parsePlacedLine(line));
}

async function newestLine(request: ExportEntries): Promise<PlacedLine | undefined> {
  let newest: PlacedLine | undefined;
  for await (const line of linesOf(request)) if (newest === undefined || line.index > newest.index) newest = line;
  return newest;
}
