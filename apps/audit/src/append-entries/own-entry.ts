import { createHash } from 'node:crypto';
import { type LogBody, parseLogBody } from '#envelope';
import { type AgencyId, type EventId, type Sha256, isEventId, unwrap } from '#kernel';
import type { EntryKek } from '../infra/entry-kek.js';
import type { SignedLook } from '../infra/signed-look.js';
import { type PreparedEntry, prepareOpaque } from './prepared-entry.js';

/**
 * One id for one thing, so that no second leaf can arise. Of things that nobody else can name only: signed texts with random
 * numbers in them, public keys.
 */
export function eventIdOf(parts: readonly string[]): EventId {
  const id = createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32);
  if (!isEventId(id)) throw new Error('not an event id');
  return id;
}

/** That an agency said something to audit itself, by its signed statement; once, however often it is posted. */
export function entryOfWord(
  type: string,
  word: {
    readonly payload: { readonly agency: LogBody['sender']; readonly worker: string };
    readonly hash: Sha256;
  },
  {
    kek,
    at,
    told,
    of = '',
    ...members
  }: {
    readonly kek: EntryKek;
    readonly at: Date;
    /** Agencies that find the entry among theirs, too. */
    readonly told?: readonly AgencyId[];
    /** Of several entries of one type about one statement. */
    readonly of?: string;
  } & Partial<Pick<LogBody, 'purpose' | 'recipient' | 'subjects'>>,
  evidence: string,
): PreparedEntry {
  const { agency, worker } = word.payload;
  const body = {
    v: 1,
    eventId: eventIdOf([type, word.hash, ...(of === '' ? [] : [of])]),
    type,
    at: at.toISOString(),
    actor: { agency, worker },
    ...members,
    evidence: { [evidence]: word.hash },
    assertedBy: 'agency',
  };
  return prepareOpaque(unwrap(parseLogBody(body)), kek, { ...(told && { told }) });
}

/** What somebody looked for, and what the answer has. */
export interface Look extends Partial<Pick<LogBody, 'type' | 'subjects' | 'purpose' | 'evidence'>> {
  /** Codes, identifiers and times alone. */
  readonly query: Readonly<Record<string, string>>;
  /** Leaves in the answer, rising; or how many things, where they are no entries. */
  readonly found: readonly number[] | number;
  /** Agencies that find the entry among theirs, too. */
  readonly told?: readonly AgencyId[];
}

/** One question is one entry. */
export const eventIdOfLook = ({ hash }: Pick<SignedLook, 'hash'>): EventId => eventIdOf(['audit-look', hash]);

/** That somebody looked into the log or into what audit keeps beside it: one entry a look (design 3), with the signed question. */
export function entryOfLook(
  { caller, hash, token }: SignedLook,
  { query, found, told, evidence, ...members }: Look,
  { kek, at }: { readonly kek: EntryKek; readonly at: Date },
): PreparedEntry {
  const { agency, supervising, worker } = caller;
  const leaves = typeof found === 'number' ? [] : found;
  const body = {
    v: 1,
    eventId: eventIdOfLook({ hash }),
    type: 'log-search',
    at: at.toISOString(),
    actor: { agency, ...(worker !== undefined && { worker }) },
    ...members,
    evidence: { ...evidence, 'audit-look': hash },
    search: {
      scope: supervising ? 'all' : 'own',
      query,
      found: typeof found === 'number' ? found : found.length,
      ...(leaves.length > 0 && { first: leaves[0], last: leaves.at(-1) }),
    },
    assertedBy: 'agency',
  };
  return prepareOpaque(unwrap(parseLogBody(body)), kek, { tokens: { 'audit-look': token }, ...(told && { told }) });
}
