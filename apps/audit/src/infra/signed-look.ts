import { readStatement, statementHash, verifyStatement } from '#envelope';
import { AppError, type Clock, type Sha256, fromNumericDate, unwrap } from '#kernel';
import { type Caller, callerOf } from '../domain/caller.js';
import { type AskedQuestion, isSameQuestion } from '../domain/asked-question.js';
import type { AgencyKeys } from './agency-keys.js';

/** Who asks, as the gateway says it, and what that auditor has signed of it. */
export interface GivenLook {
  readonly agency: string;
  readonly supervising: boolean;
  readonly worker?: string;
  /** Compact JWS. */
  readonly look: string;
}

/** A question as an auditor asked it. */
export interface SignedLook {
  readonly caller: Caller;
  /** Names what was signed. */
  readonly hash: Sha256;
  readonly token: string;
}

const MAX_AGE_MS = 60_000;

/**
 * Who asks is who signed, by the agency's logged key of its auditor, and what is asked is what was signed. So a gateway that lies
 * can pass questions on, or not; it can ask none. Errors: MALFORMED, FORBIDDEN (supervises nobody), LOOK_UNPROVED, those of a
 * statement, SENDER_MISMATCH.
 */
export async function signedLook(
  given: GivenLook,
  question: AskedQuestion,
  { keys, clock }: { readonly keys: AgencyKeys; readonly clock: Clock },
): Promise<SignedLook> {
  unwrap(callerOf(given));
  if (given.look === '') throw new AppError('LOOK_UNPROVED');
  unwrap(keys.directory.fresh());
  const { kid, payload } = unwrap(readStatement('audit-look', given.look));
  if (payload.agency !== given.agency) throw new AppError('SENDER_MISMATCH');
  const at = fromNumericDate(payload.iat);
  if (Math.abs(clock.now().getTime() - at.getTime()) > MAX_AGE_MS) throw new AppError('LOOK_UNPROVED');
  const key = unwrap(await keys.auditing(payload.agency, kid, at));
  const { agency, scope, worker = '', call, query } = unwrap(await verifyStatement('audit-look', given.look, key));
  const supervising = scope === 'all';
  // Whoever asks for less than the token allows gets less.
  if (supervising && !given.supervising) throw new AppError('FORBIDDEN');
  const fits = isSameQuestion({ call, query }, question) && (given.worker ?? '') === worker;
  if (!fits) throw new AppError('LOOK_UNPROVED');
  return {
    caller: unwrap(callerOf({ agency, supervising, worker })),
    hash: statementHash(given.look),
    token: given.look,
  };
}
