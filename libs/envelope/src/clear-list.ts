import { createHash } from 'node:crypto';
import { type AgencyId, AppError, type Result, type Sha256, err, ok } from '#kernel';
import { leafHash } from '#merkle';
import { canonicalBytes, readJson } from './canonical.js';
import { agency, code, isAscending } from './fields.js';
import type { ClearRecord } from './log-entry.js';
import { type Check, closed, integer, oneOf, optional, parseAs, text } from './shape.js';
import { readStatement } from './statements.js';

/** An entry in clear as the log lists it: enough to know whether it matters, and to know it again. */
export interface ListedEntry {
  index: number;
  /** Base64 of its leaf hash. */
  leaf: string;
  type: string;
  /** Whose record it is. */
  agency?: AgencyId;
  /** Of a key. */
  use?: string;
}

/** The file beside the checkpoint: a line that names the newest `clear-list` entry, then a line for each entry that it is about. */
export const clearListFile = 'clear-list.jsonl';

export interface ClearListFile {
  /** Index of the entry that says which these are. */
  readonly statement: number;
  readonly entries: readonly ListedEntry[];
  readonly digest: Sha256;
}

const listedEntry: Check<ListedEntry> = closed<ListedEntry>({
  index: integer(0),
  leaf: text(/^[A-Za-z0-9+/]{43}=$/),
  type: code,
  agency: optional(agency),
  use: optional(code),
});

interface Head {
  v: 1;
  statement: number;
}
const head: Check<Head> = closed<Head>({ v: oneOf(1), statement: integer(0) });

/** Of a signed record that cannot be read nothing is listed but its type. */
export function listedEntryOf(index: number, entry: Uint8Array, record: ClearRecord): ListedEntry {
  return { index, leaf: leafHash(entry).toString('base64'), type: record.type, ...saidBy(record) };
}

function saidBy(record: ClearRecord): Pick<ListedEntry, 'agency' | 'use'> {
  switch (record.type) {
    case 'agency-key': {
      const read = readStatement('agency-key', record.record);
      return read.ok ? { agency: read.value.payload.agency, use: read.value.payload.use } : {};
    }
    case 'agency-key-revocation': {
      const read = readStatement('agency-key-revocation', record.record);
      return read.ok ? { agency: read.value.payload.agency } : {};
    }
    case 'hub-key': {
      const read = readStatement('hub-key', record.record);
      return read.ok ? { use: read.value.payload.use } : {};
    }
    case 'agency':
      return { agency: record.agency };
    case 'catalogue':
    case 'tombstone':
    case 'clear-list':
      return {};
  }
}

/** SHA-256 over a line of canonical JSON for each, which can be asked for after any of them. */
export class ClearListDigest {
  private readonly hash = createHash('sha256');

  add(entry: ListedEntry): void {
    this.hash.update(lineOf(entry));
  }

  get value(): Sha256 {
    return this.hash.copy().digest('base64url') as Sha256;
  }
}

export function clearListDigest(entries: readonly ListedEntry[]): Sha256 {
  const digest = new ClearListDigest();
  for (const entry of entries) digest.add(entry);
  return digest.value;
}

const lineOf = (value: Head | ListedEntry): string => `${canonicalBytes(value).toString('utf8')}\n`;

export const formatClearList = (statement: number, entries: readonly ListedEntry[]): string =>
  [lineOf({ v: 1, statement }), ...entries.map(lineOf)].join('');

/** Nothing is proved by it: the digest is to be that of the entry in the signed tree. Errors: MALFORMED. */
export function parseClearList(bytes: Uint8Array): Result<ClearListFile> {
  const lines = Buffer.from(bytes).toString('utf8').split('\n');
  const [named, ...listed] = lines.slice(0, -1).map((line) => readJson(Buffer.from(line))?.value);
  const first = parseAs(head, named);
  if (!first.ok) return first;
  const entries: ListedEntry[] = [];
  for (const one of listed) {
    const entry = parseAs(listedEntry, one);
    if (!entry.ok) return entry;
    entries.push(entry.value);
  }
  if (!isAscending(entries.map(({ index }) => index)))
    return err(new AppError('MALFORMED', 'The entries are not in the order of the log.'));
  return ok({ statement: first.value.statement, entries, digest: clearListDigest(entries) });
}
