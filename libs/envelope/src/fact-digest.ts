import { type EventId, type Sha256, canonicalJson, sha256 } from '#kernel';
import type { ClearRecord, LogBody } from './log-entry.js';

/** What a producer says of a fact and the body repeats; the rest of a body is audit's own word. */
const members = [
  'eventId',
  'type',
  'at',
  'exchangeId',
  'seq',
  'messageId',
  'manifestHash',
  'sender',
  'recipient',
  'actor',
  'subjects',
  'categories',
  'purpose',
  'code',
  'consent',
] as const satisfies readonly (keyof LogBody)[];
const sorted = members.toSorted();

/**
 * Equal where producer and log say the same of a fact, wherever each of them keeps it: of its canonical JSON (RFC 8785), put
 * together from the sorted members, as most of them are text or lists of text or numbers, which JSON writes in one way only.
 */
export function factDigest(words: { readonly [member in (typeof members)[number]]?: unknown }): Sha256 {
  const said = sorted.flatMap((name) => {
    const value = words[name];
    if (value === undefined) return [];
    const isPlain =
      typeof value === 'string' || (Array.isArray(value) && value.every((one) => typeof one !== 'object'));
    return [`"${name}":${isPlain ? JSON.stringify(value) : canonicalJson(value)}`];
  });
  return sha256(`{${said.join(',')}}`);
}

/** The same for what stands in the leaf in clear. */
export const clearFactDigest = (eventId: EventId, record: ClearRecord): Sha256 =>
  sha256(canonicalJson({ eventId, record }));
