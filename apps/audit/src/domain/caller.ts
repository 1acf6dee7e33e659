import { type AgencyId, AppError, type Result, err, isAgencyId, ok, partyKindOf } from '#kernel';

/** Who asks the log for something, as the edge has authenticated it. */
export interface Caller {
  readonly agency: AgencyId;
  /** Looks and acts as a supervising authority: for everybody, not for itself alone. */
  readonly supervising: boolean;
  /** Case worker's pseudonym at the agency, where one was named. */
  readonly worker?: string;
}

const workerPattern = /^[A-Za-z0-9._:-]{1,128}$/;

/** Errors: MALFORMED; FORBIDDEN for an agency that supervises nobody. */
export function callerOf(given: {
  readonly agency: string;
  readonly supervising: boolean;
  readonly worker?: string;
}): Result<Caller> {
  const { agency, supervising, worker = '' } = given;
  if (!isAgencyId(agency)) return err(new AppError('MALFORMED', undefined, { field: 'agency' }));
  if (worker !== '' && !workerPattern.test(worker))
    return err(new AppError('MALFORMED', undefined, { field: 'worker' }));
  if (supervising && !isSupervising(agency)) return err(new AppError('FORBIDDEN'));
  return ok({ agency, supervising, ...(worker !== '' && { worker }) });
}

/** Supervising authorities act for everybody, other agencies on the entries in which they are a party. */
export const isSupervising = (agency: AgencyId): boolean => partyKindOf(agency) === 'A';
