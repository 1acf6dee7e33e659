import { readStatement, type Statements, type StatementType, verifyStatement } from '#envelope';
import { type AgencyId, AppError, type Clock, numericDate, unwrap } from '#kernel';
import { type DirectoryView, signingKeyOf } from '#platform';

/** A person's word that waited in an agency's outbox over a long night still counts. */
const MAX_AGE_S = 7 * 24 * 60 * 60;
const SKEW_S = 60;

/**
 * What the calling agency has signed about itself, by a key that is good now.
 *
 * @param signerOf the agency that the statement says it is by
 * @throws AppError as `readStatement` and `signingKeyOf`; FORBIDDEN (signed as another agency), AGENCY_NOT_ONBOARDED
 */
export async function verifyByAgency<T extends StatementType>(
  { directory, clock }: { readonly directory: DirectoryView; readonly clock: Clock },
  type: T,
  token: string,
  agency: AgencyId,
  { signerOf, suspendedMay = false }: { signerOf: (payload: Statements[T]) => AgencyId; suspendedMay?: boolean },
): Promise<Statements[T]> {
  const read = unwrap(readStatement(type, token));
  if (signerOf(read.payload) !== agency) throw new AppError('FORBIDDEN', 'the statement is another agency’s');
  unwrap(directory.fresh());
  if (!suspendedMay && directory.agency(agency)?.status !== 'active') throw new AppError('AGENCY_NOT_ONBOARDED');
  const key = unwrap(await signingKeyOf(directory, agency, read.kid, clock.now()));
  return unwrap(await verifyStatement(type, token, key));
}

/** @throws AppError MALFORMED (older than a week, or from the future) */
export function assertFresh({ iat }: { readonly iat: number }, now: Date): void {
  const age = numericDate(now) - iat;
  if (age > MAX_AGE_S || age < -SKEW_S)
    throw new AppError('MALFORMED', 'the statement is too old or from the future', { field: 'iat' });
}
