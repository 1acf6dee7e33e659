import type { LogRecord } from '#contracts';
import { AppError, type Result, type Sha256, err, ok } from '#kernel';

/** What stands in an entry's body beside the record: which evidence was seen, and who answers for it. */
export interface Assertion {
  /** Hash of each piece of evidence, by its kind. */
  readonly evidence: Readonly<Record<string, Sha256>>;
  /** `agency`: signed evidence of an agency was verified and says the same. */
  readonly assertedBy: 'agency' | 'hub';
}

/**
 * The members of a body, not yet judged by its closed shape. What a record leaves empty is left out, so that one fact has
 * one canonical form. Errors: MALFORMED.
 */
export function bodyMembers(record: LogRecord, assertion: Assertion): Result<Record<string, unknown>> {
  const basis = basisOf(record.basisJson);
  if (!basis.ok) return basis;
  if (record.at === undefined || Number.isNaN(record.at.getTime()))
    return err(new AppError('MALFORMED', undefined, { field: 'at' }));
  const members: Record<string, unknown> = {
    v: 1,
    eventId: record.eventId,
    type: record.type,
    at: record.at.toISOString(),
    exchangeId: filled(record.exchangeId),
    seq: record.exchangeNumber === 0 ? undefined : record.exchangeNumber,
    messageId: filled(record.messageId),
    manifestHash: filled(record.manifestHash),
    sender: filled(record.sender),
    recipient: filled(record.recipient),
    actor: actorOf(record),
    subjects: record.subjects.length === 0 ? undefined : record.subjects,
    categories: record.categories.length === 0 ? undefined : [...record.categories].sort((a, b) => a - b),
    basis: basis.value,
    purpose: filled(record.purpose),
    code: filled(record.code),
    consent: record.consentId === '' ? undefined : { id: record.consentId, version: record.consentVersion },
    evidence: Object.keys(assertion.evidence).length === 0 ? undefined : assertion.evidence,
    assertedBy: assertion.assertedBy,
  };
  return ok(Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)));
}

const filled = (text: string): string | undefined => (text === '' ? undefined : text);

function actorOf({ actorAgency, actorWorker }: LogRecord): { agency: string; worker?: string } | undefined {
  if (actorAgency === '') return undefined;
  return actorWorker === '' ? { agency: actorAgency } : { agency: actorAgency, worker: actorWorker };
}

function basisOf(json: string): Result<unknown> {
  if (json === '') return ok(undefined);
  try {
    const basis: unknown = JSON.parse(json);
    return ok(Array.isArray(basis) && basis.length === 0 ? undefined : basis);
  } catch {
    return err(new AppError('MALFORMED', undefined, { field: 'basisJson' }));
  }
}
