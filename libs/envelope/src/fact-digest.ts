import { type EventId, type Sha256, canonicalJson, sha256 } from '#kernel';
import type { ClearRecord, LogBody } from './log-entry.js';

/** What a producer says of a fact and the body repeats; the rest of a body is audit's own word. */
type Said = Pick<
  LogBody,
  | 'eventId'
  | 'type'
  | 'at'
  | 'exchangeId'
  | 'seq'
  | 'messageId'
  | 'manifestHash'
  | 'sender'
  | 'recipient'
  | 'actor'
  | 'subjects'
  | 'categories'
  | 'purpose'
  | 'code'
  | 'consent'
>;
type Words = { readonly [member in keyof Said]?: unknown };

/**
 * Equal where producer and log say the same of a fact, wherever each of them keeps it: of its canonical JSON (RFC 8785), which
 * JSON.stringify writes of members that were made in order.
 */
export const factDigest = (words: Words): Sha256 =>
  sha256(
    JSON.stringify({
      actor: inOrder(words.actor),
      at: words.at,
      categories: inOrder(words.categories),
      code: words.code,
      consent: inOrder(words.consent),
      eventId: words.eventId,
      exchangeId: words.exchangeId,
      manifestHash: words.manifestHash,
      messageId: words.messageId,
      purpose: words.purpose,
      recipient: words.recipient,
      sender: words.sender,
      seq: words.seq,
      subjects: inOrder(words.subjects),
      type: words.type,
    } satisfies Record<keyof Words, unknown>),
  );

function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.some((one) => typeof one === 'object') ? value.map(inOrder) : value;
  const said = value as Readonly<Record<string, unknown>>;
  const ordered: Record<string, unknown> = {};
  for (const name of Object.keys(said).sort()) ordered[name] = inOrder(said[name]);
  return ordered;
}

/** The same for what stands in the leaf in clear. */
export const clearFactDigest = (eventId: EventId, record: ClearRecord): Sha256 =>
  sha256(canonicalJson({ eventId, record }));
