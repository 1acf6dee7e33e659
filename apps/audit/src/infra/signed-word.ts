import { type Statements, readStatement, statementHash, verifyStatement } from '#envelope';
import { type AgencyId, AppError, type Clock, type Sha256, type Thumbprint, fromNumericDate, unwrap } from '#kernel';
import { type Caller, isSupervising } from '../domain/caller.js';
import type { AgencyKeys } from './agency-keys.js';

/** Statements by which an agency's auditor acts on the log itself. */
type ActingStatement =
  | 'erasure-proposal'
  | 'erasure-approval'
  | 'legal-hold'
  | 'legal-hold-lift'
  | 'alert-act'
  | 'break-glass'
  | 'break-glass-review';

export interface SignedWord<T> {
  readonly payload: T;
  /** Of the auditor's key: whose hand it is. */
  readonly kid: Thumbprint;
  /** Names what was signed. */
  readonly hash: Sha256;
}

const SKEW_MS = 60_000;
/** A statement is posted when it is signed; one that turns up later is not what the agency wants now. */
const MAX_AGE_MS = 24 * 60 * 60 * 1_000;

/** Verified by the logged key of the agency's auditor. Throws the errors of a statement, SIGNATURE_INVALID also for one of long ago. */
export async function signedWord<T extends ActingStatement>(
  type: T,
  token: string,
  { keys, clock }: { readonly keys: AgencyKeys; readonly clock: Clock },
): Promise<SignedWord<Statements[T] & { readonly agency: AgencyId; readonly worker: string }>> {
  unwrap(keys.directory.fresh());
  const { kid, payload } = unwrap(readStatement<ActingStatement>(type, token));
  const signedAt = fromNumericDate(payload.iat);
  const age = clock.now().getTime() - signedAt.getTime();
  if (age < -SKEW_MS) throw new AppError('IAT_IN_FUTURE');
  if (age > MAX_AGE_MS)
    throw new AppError('SIGNATURE_INVALID', 'The statement was signed too long ago. Sign it again.');
  const key = unwrap(await keys.auditing(payload.agency, kid, signedAt));
  return { payload: unwrap(await verifyStatement(type, token, key)), kid, hash: statementHash(token) };
}

/**
 * The token of who calls and the statement that it brings are of one agency. Reads only: `signedWord` verifies. Errors: those of
 * reading; SENDER_MISMATCH; FORBIDDEN for a supervising authority that does not call as one.
 */
export function spokenBy(caller: Caller, type: ActingStatement, token: string): void {
  const { payload } = unwrap(readStatement<ActingStatement>(type, token));
  if (payload.agency !== caller.agency) throw new AppError('SENDER_MISMATCH');
  if (isSupervising(caller.agency) && !caller.supervising) throw new AppError('FORBIDDEN');
}
