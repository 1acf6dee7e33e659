import { LogRecord } from '#contracts';
import { AppError, type EventId, canonicalJson, newEventId } from '#kernel';

/** `parked` after all attempts, with those of its exchange behind it; `quarantine`: it could not be read. */
export type SetAsidePlace = 'parked' | 'quarantine';

/** An operator's word that a record set aside is ended without its effect. */
export interface Discard {
  /** As it was listed: what is ended is what was looked at. */
  readonly hash: string;
  readonly operator: string;
  /** Without personal data: it is kept as long as the log. */
  readonly reason: string;
}

/** Where the record lay, and who ended it and why; nothing that it says. */
export interface DiscardedRecord extends Discard {
  readonly place: SetAsidePlace;
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly setAsideAt: Date;
  readonly code: string;
}

const longestOperator = 100;
const longestReason = 500;

/** One line each, and neither is empty. Errors: MALFORMED. */
export function checkDiscard({ operator, reason }: Discard): void {
  const isLine = (text: string, most: number): boolean => /^\P{Cc}*\S\P{Cc}*$/u.test(text) && text.length <= most;
  if (!isLine(operator, longestOperator)) throw new AppError('MALFORMED', undefined, { field: 'operator' });
  if (!isLine(reason, longestReason)) throw new AppError('MALFORMED', undefined, { field: 'reason' });
}

/** Kind of the evidence by which an entry of the log carries a discard: base64url of canonical JSON. */
export const discardEvidence = 'discard';

export const discardToken = (record: DiscardedRecord, at: Date): string =>
  Buffer.from(
    canonicalJson({ v: 1, ...record, setAsideAt: record.setAsideAt.toISOString(), at: at.toISOString() }),
  ).toString('base64url');

/** The fact, as a producer tells the log of it: it commits to who and why by the hash of its evidence. */
export function discardFact(
  type: string,
  record: DiscardedRecord,
  at: Date,
): LogRecord & { readonly eventId: EventId } {
  const eventId = newEventId();
  const evidence = [{ kind: discardEvidence, token: discardToken(record, at) }];
  return { ...LogRecord.fromPartial({ type, at, evidence }), eventId };
}
