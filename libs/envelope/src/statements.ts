import { type Result, type Sha256, type Thumbprint, ok, sha256 } from '#kernel';
import { type AlertNotice, alertNotice } from './alert-notice.js';
import { type AuditLook, auditLook } from './audit-look.js';
import { type ReadJws, readJws, signJws, verifyJws } from './compact-jws.js';
import { type BreakGlassOpening, type BreakGlassReview, breakGlassOpening, breakGlassReview } from './break-glass.js';
import {
  type AccountIdentification,
  type ConsentAct,
  type ConsentNotice,
  type ConsentProposal,
  type ConsentRecord,
  type DeciderExclusion,
  type SubjectLink,
  accountIdentification,
  consentAct,
  consentNotice,
  consentProposal,
  consentRecord,
  deciderExclusion,
  subjectLink,
} from './consent-record.js';
import {
  type AlertAct,
  type ErasureApproval,
  type ErasureProposal,
  type LegalHold,
  type LegalHoldLift,
  alertAct,
  erasureApproval,
  erasureProposal,
  legalHold,
  legalHoldLift,
} from './erasure.js';
import { type DisclosureViewStatement, disclosureViewStatement } from './disclosure-view.js';
import {
  type HubKeyRecord,
  type KeyRecord,
  type KeyRevocation,
  hubKeyRecord,
  keyRecord,
  keyRevocation,
} from './key-record.js';
import type { SigningKey, VerificationKey } from './keys.js';
import { type Mismatch, type Outcome, mismatch, outcome } from './outcome.js';
import { type ReportDecision, reportDecision } from './report-decision.js';
import { type ServiceCall, serviceCall } from './service-call.js';
import { type Check, parseAs } from './shape.js';

export type { AlertNotice } from './alert-notice.js';
export type { AuditLook } from './audit-look.js';
export type * from './break-glass.js';
export type * from './consent-record.js';
export {
  consentActs,
  deciderRoles,
  disclosersOf,
  frequencyPeriods,
  grantEach,
  grantsCover,
  identificationLevels,
  partiesOf,
  recipientsOf,
  subjectStandings,
} from './consent-record.js';
export type * from './erasure.js';
export type * from './key-record.js';
export { type Mismatch, type Outcome, type OutcomeType, outcomeTypes } from './outcome.js';
export type { ReportDecision } from './report-decision.js';
export type { ServiceCall } from './service-call.js';

/** Every signed thing that is no part of a message, by its kind. Each has a `typ` of its own. */
export interface Statements {
  outcome: Outcome;
  consent: ConsentRecord;
  'consent-proposal': ConsentProposal;
  'consent-act': ConsentAct;
  'subject-link': SubjectLink;
  'decider-exclusion': DeciderExclusion;
  'account-identification': AccountIdentification;
  'consent-notice': ConsentNotice;
  'agency-key': KeyRecord;
  'agency-key-revocation': KeyRevocation;
  mismatch: Mismatch;
  'hub-key': HubKeyRecord;
  'report-decision': ReportDecision;
  'erasure-proposal': ErasureProposal;
  'erasure-approval': ErasureApproval;
  'legal-hold': LegalHold;
  'legal-hold-lift': LegalHoldLift;
  'alert-act': AlertAct;
  'alert-notice': AlertNotice;
  'break-glass': BreakGlassOpening;
  'break-glass-review': BreakGlassReview;
  'service-call': ServiceCall;
  'audit-look': AuditLook;
  'disclosure-view': DisclosureViewStatement;
}
export type StatementType = keyof Statements;

const shapes: { readonly [T in StatementType]: Check<Statements[T]> } = {
  outcome,
  consent: consentRecord,
  'consent-proposal': consentProposal,
  'consent-act': consentAct,
  'subject-link': subjectLink,
  'decider-exclusion': deciderExclusion,
  'account-identification': accountIdentification,
  'consent-notice': consentNotice,
  'agency-key': keyRecord,
  'agency-key-revocation': keyRevocation,
  mismatch,
  'hub-key': hubKeyRecord,
  'report-decision': reportDecision,
  'erasure-proposal': erasureProposal,
  'erasure-approval': erasureApproval,
  'legal-hold': legalHold,
  'legal-hold-lift': legalHoldLift,
  'alert-act': alertAct,
  'alert-notice': alertNotice,
  'break-glass': breakGlassOpening,
  'break-glass-review': breakGlassReview,
  'service-call': serviceCall,
  'audit-look': auditLook,
  'disclosure-view': disclosureViewStatement,
};

/** Throws TypeError on a payload that no reader would take. */
export async function signStatement<T extends StatementType>(
  type: T,
  payload: Statements[T],
  key: SigningKey,
): Promise<string> {
  const shaped = parseAs<Statements[T]>(shapes[type], payload);
  if (!shaped.ok) throw new TypeError(`not a ${type} statement: ${String(shaped.error.details.field)}`);
  return signJws(type, payload, key);
}

/** Unverified. Errors: MALFORMED, TOKEN_CHARACTERS, CONTENT_TOO_LARGE, TYP_MISMATCH, ALG_NOT_ALLOWED. */
export function readStatement<T extends StatementType>(
  type: T,
  token: string,
): Result<{ readonly kid: Thumbprint; readonly payload: Statements[T] }> {
  const read = readJws(type, token);
  if (!read.ok) return read;
  const payload = payloadOf(type, read.value);
  return payload.ok ? ok({ kid: read.value.kid, payload: payload.value }) : payload;
}

/** Errors: as `readStatement`, SIGNATURE_INVALID. */
export async function verifyStatement<T extends StatementType>(
  type: T,
  token: string,
  key: VerificationKey,
): Promise<Result<Statements[T]>> {
  const verified = verifyJws(type, token, key);
  return verified.ok ? payloadOf(type, verified.value) : verified;
}

/** SHA-256 of the signing input: names what was signed, however often and by which signature. */
export const statementHash = (token: string): Sha256 => sha256(token.slice(0, Math.max(0, token.lastIndexOf('.'))));

const payloadOf = <T extends StatementType>(type: T, { payload }: ReadJws): Result<Statements[T]> =>
  parseAs<Statements[T]>(shapes[type], payload);
