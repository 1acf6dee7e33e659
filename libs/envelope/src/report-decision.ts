import type { AgencyId, EventId, Pseudonym } from '#kernel';
import { agency, code, eventId, numericDate, provisionId, pseudonym, worker } from './fields.js';
import { type Check, closed, oneOf, optional } from './shape.js';

/** An agency says that it gave a client the account of disclosures, or refused it, and why. No free text: the hub reads it. */
export interface ReportDecision {
  /** Of the log entry; the same one again is the same entry. */
  eventId: EventId;
  agency: AgencyId;
  subject: Pseudonym;
  outcome: 'given' | 'refused';
  /** Code of the ground on which it was refused. */
  ground?: string;
  /** On which that ground stands. */
  provision?: string;
  worker: string;
  iat: number;
}

export const reportDecision: Check<ReportDecision> = closed<ReportDecision>({
  eventId,
  agency,
  subject: pseudonym,
  outcome: oneOf('given', 'refused'),
  ground: optional(code),
  provision: optional(provisionId),
  worker,
  iat: numericDate,
});
