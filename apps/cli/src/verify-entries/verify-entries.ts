import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  type AnsweredEntry,
  type Completeness,
  CompletenessWalk,
  type ErasedNumber,
  type IndexRange,
  logKeysFile,
} from '#envelope';
import { AppError, type Result, err, ok } from '#kernel';
import { type Checkpoint, leafHash, openCheckpoint } from '#merkle';
import { commitmentKeyOf } from '../domain/body-line.js';
import { Buried, tombstoneIn } from '../domain/buried.js';
import {
  type Boundary,
  type EntriesExport,
  type PlacedLine,
  exportFiles,
  parseEntriesExport,
  parsePlacedLine,
} from '../domain/entries-export.js';
import { checkpointFile, verifierKeyFile } from '../domain/log-files.js';
import { trustedKeys } from '../domain/log-keys.js';

import { tableLine } from '../export-entries/table-lines.js';
import type { LogFolder } from '../infra/log-folder.js';
import { ProofLines } from './proof-lines.js';
import { TableComparison } from './table-comparison.js';

export interface EntriesReport {
  readonly index: EntriesExport;
  readonly checkpoint: Checkpoint;
  readonly completeness: Completeness;
  /** First line of the table that says something else than the entries; 1 is the header. */
  readonly tableDiffersAt?: number;
  /** Lines that are none. */
  readonly unreadable: readonly string[];
}

/**
 * Proves an export offline: each entry stands in the signed tree as its line says, none of the chain's entries of the period is
 * missing, and the table says the same. Read once from front to back: it may be of any length.
 *
 * @param given a key of the log that is known; else the one in the folder. Errors: NOT_FOUND (a file), MALFORMED, CHECKPOINT_INVALID.
 */
export async function verifyEntries(folder: LogFolder, given?: string): Promise<Result<EntriesReport>> {
  const text = await folder.readText(exportFiles.index);
  if (text === undefined) return missing(exportFiles.index);
  const index = parseEntriesExport(text);
  if (!index.ok) return index;
  const checkpoint = await checkpointIn(folder, given);
  if (!checkpoint.ok) return checkpoint;
  const { chain, from, until, before, after, erased } = index.value;
  const stones = await tombstonesIn(folder);
  const bounds = [before, after].flatMap((bound) => (bound ? [bound.index] : []));
  const heads = new Set([...bounds, ...stones.map(({ leafIndex }) => leafIndex)]);
  const proofs = await ProofLines.open(folder.lines(exportFiles.proofs), heads, checkpoint.value);
  let proved: { readonly index: number; readonly leafHash: Buffer | undefined } | undefined;
  const isIncluded = (leafIndex: number, hash: Buffer): boolean =>
    proved?.index === leafIndex && proved.leafHash?.equals(hash) === true;
  const named: IndexRange[] = [];
  for (const { leafIndex, entry } of stones) {
    proved = { index: leafIndex, leafHash: await proofs.of(leafIndex) };
    const stone = isIncluded(leafIndex, leafHash(entry)) ? tombstoneIn(entry) : undefined;
    if (stone) named.push(...stone.indices);
  }
  const buried = new Buried(named);
  const walk = new CompletenessWalk({
    chain,
    from,
    until,
    isIncluded,
    isTombstoned: (leafIndex) => buried.has(leafIndex),
  });
  const waiting = erased
    .map(({ index: leafIndex, number }): ErasedNumber => ({ leafIndex, number }))
    .sort((one, other) => one.number - other.number);
  let taken = 0;
  const takeErased = (upTo: number): void => {
    for (; taken < waiting.length && waiting[taken]!.number <= upTo; taken += 1) walk.take(waiting[taken]!);
  };
  const take = async (entry: AnsweredEntry): Promise<void> => {
    takeErased(entry.place.number);
    proved = { index: entry.leafIndex, leafHash: await proofs.of(entry.leafIndex) };
    walk.take(entry);
  };
  const table = index.value.table ? await tableOf(folder) : undefined;
  const unreadable: string[] = [];
  let line = 0;
  await table?.expect(tableLine());
  if (before) await take(bounding(before));
  for await (const text of folder.lines(exportFiles.entries)) {
    line += 1;
    const placed = parsePlacedLine(text);
    if (!placed.ok) {
      unreadable.push(`${exportFiles.entries}, line ${line}`);
      continue;
    }
    for (const entry of answered(placed.value)) await take(entry);
    await table?.expect(tableLine(placed.value));
  }
  if (after) await take(bounding(after));
  takeErased(Infinity);
  const tableDiffersAt = await table?.differsAt();
  return ok({
    index: index.value,
    checkpoint: checkpoint.value,
    completeness: walk.end(),
    ...(tableDiffersAt !== undefined && { tableDiffersAt }),
    unreadable,
  });
}

async function checkpointIn(folder: LogFolder, given: string | undefined): Promise<Result<Checkpoint>> {
  const note = await folder.readText(checkpointFile);
  if (note === undefined) return missing(checkpointFile);
  const key = given ?? (await folder.readText(verifierKeyFile))?.trim() ?? '';
  const { keys, problem } = await trustedKeys(key, await folder.read(logKeysFile));
  return problem ? err(problem) : openCheckpoint(note, keys);
}

/** As the export has them; what is none is left out, and then nothing lies under it. */
async function tombstonesIn(folder: LogFolder): Promise<{ leafIndex: number; entry: Buffer }[]> {
  const stones: { leafIndex: number; entry: Buffer }[] = [];
  for await (const line of folder.lines(exportFiles.tombstones)) {
    const { index, entry } = recordIn(line);
    if (Number.isSafeInteger(index) && typeof entry === 'string')
      stones.push({ leafIndex: index as number, entry: Buffer.from(entry, 'base64') });
  }
  return stones;
}

function recordIn(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

async function tableOf(folder: LogFolder): Promise<TableComparison> {
  const there = await folder.has(exportFiles.table);
  const chunks = there ? createReadStream(join(folder.path, exportFiles.table)) : Readable.from([]);
  return new TableComparison(chunks[Symbol.asyncIterator]() as AsyncIterator<Buffer>);
}

function answered({ index, body, commitmentKey, place }: PlacedLine): AnsweredEntry[] {
  const key = commitmentKeyOf(commitmentKey);
  return key ? [{ leafIndex: index, place, content: { body, commitmentKey: key } }] : [];
}

const bounding = ({ index, entry, place }: Boundary): AnsweredEntry => ({
  leafIndex: index,
  place,
  content: { entry: Buffer.from(entry, 'base64') },
});

const missing = (name: string) => err(new AppError('NOT_FOUND', `${name} is missing.`));
