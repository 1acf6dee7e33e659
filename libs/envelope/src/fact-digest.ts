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

/** Equal where producer and log say the same of a fact, wherever each of them keeps it. */
export const factDigest = (words: { readonly [member in (typeof members)[number]]?: unknown }): Sha256 =>
  sha256(
    canonicalJson(
      Object.fromEntries(members.flatMap((name) => (words[name] === undefined ? [] : [[name, words[name]]]))),
    ),
  );

/** The same for what stands in the leaf in clear. */
export const clearFactDigest = (eventId: EventId, record: ClearRecord): Sha256 =>
  sha256(canonicalJson({ eventId, record }));
