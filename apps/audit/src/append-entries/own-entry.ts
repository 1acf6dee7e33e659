import { createHash } from 'node:crypto';
import { type LogBody, parseLogBody } from '#envelope';
import { type EventId, type Sha256, isEventId, unwrap } from '#kernel';
import type { EntryKek } from '../infra/entry-kek.js';
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
  { kek, at, ...members }: { readonly kek: EntryKek; readonly at: Date } & Partial<Pick<LogBody, 'purpose'>>,
  evidence: string,
): PreparedEntry {
  const { agency, worker } = word.payload;
  const body = {
    v: 1,
    eventId: eventIdOf([type, word.hash]),
    type,
    at: at.toISOString(),
    actor: { agency, worker },
    ...members,
    evidence: { [evidence]: word.hash },
    assertedBy: 'agency',
  };
  return prepareOpaque(unwrap(parseLogBody(body)), kek);
}
