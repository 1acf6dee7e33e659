import { type AnsweredEntry, type Completeness, type Tombstone, logKeysFile, verifyComplete } from '#envelope';
import { AppError, type Result, err, ok } from '#kernel';
import { type Checkpoint, leafHash, openCheckpoint, verifyInclusion } from '#merkle';
import { commitmentKeyOf } from '../domain/body-line.js';
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
import { covers, tombstoneIn } from '../domain/tombstones.js';
import { tableLine } from '../export-entries/table-lines.js';
import type { LogFolder } from '../infra/log-folder.js';

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
 * missing, and the table says the same.
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
  const { root, size } = checkpoint.value;
  const proofs = await proofsIn(folder);
  const unreadable: string[] = [];
  const lines: PlacedLine[] = [];
  for await (const line of folder.lines(exportFiles.entries)) {
    const placed = parsePlacedLine(line);
    if (placed.ok) lines.push(placed.value);
    else unreadable.push(`${exportFiles.entries}, line ${lines.length + unreadable.length + 1}`);
  }
  const isIncluded = (leafIndex: number, hash: Buffer): boolean => {
    const proof = proofs.get(leafIndex);
    return proof !== undefined && verifyInclusion({ index: leafIndex, size, leafHash: hash, proof, root }).ok;
  };
  const tombstones: Tombstone[] = [];
  for await (const line of folder.lines(exportFiles.tombstones)) {
    const { index: leafIndex, entry } = JSON.parse(line) as { index: number; entry: string };
    const bytes = Buffer.from(entry, 'base64');
    const stone = isIncluded(leafIndex, leafHash(bytes)) ? tombstoneIn(bytes) : undefined;
    if (stone) tombstones.push(stone);
  }
  const { chain, from, until, before, after, erased } = index.value;
  const completeness = verifyComplete({
    chain,
    from,
    until,
    entries: [...lines.flatMap(answered), ...[before, after].flatMap((bound) => (bound ? [bounding(bound)] : []))],
    erased: erased.map(({ index: leafIndex, number }) => ({ leafIndex, number })),
    isIncluded,
    isTombstoned: (leafIndex) => tombstones.some((stone) => covers(stone, leafIndex)),
  });
  const tableDiffersAt = index.value.table ? await tableDifference(folder, lines) : undefined;
  return ok({
    index: index.value,
    checkpoint: checkpoint.value,
    completeness,
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

async function proofsIn(folder: LogFolder): Promise<Map<number, Buffer[]>> {
  const proofs = new Map<number, Buffer[]>();
  for await (const line of folder.lines(exportFiles.proofs)) {
    const { index, hashes } = JSON.parse(line) as { index: number; hashes: string[] };
    proofs.set(
      index,
      hashes.map((hash) => Buffer.from(hash, 'base64')),
    );
  }
  return proofs;
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

async function tableDifference(folder: LogFolder, lines: readonly PlacedLine[]): Promise<number | undefined> {
  const table = await folder.readText(exportFiles.table);
  const expected = [tableLine(), ...lines.map((line) => tableLine(line))];
  if (table === undefined) return 1;
  let begin = 0;
  for (const [at, line] of expected.entries()) {
    if (table.slice(begin, begin + line.length) !== line) return at + 1;
    begin += line.length;
  }
  return begin === table.length ? undefined : expected.length + 1;
}

const missing = (name: string) => err(new AppError('NOT_FOUND', `${name} is missing.`));
