import type { AgencyId, Sha256 } from '#kernel';

/**
 * Why a run does not do an erasure: no second agency has approved it; a hold covers entries of it; a class of theirs is
 * unconfirmed and unaccepted; a floor, or another entry of the same consent, keeps one; too few persons' entries came together.
 */
export const leftReasons = [
  'NOT_APPROVED',
  'LEGAL_HOLD',
  'RETENTION_UNCONFIRMED',
  'ENTRY_KEPT',
  'TOO_FEW_PERSONS',
] as const;
export type LeftReason = (typeof leftReasons)[number];

/** An erasure that a run does not do. */
export interface LeftErasure {
  readonly proposal: Sha256;
  readonly reason: LeftReason;
  readonly entries: number;
  /** Who proposed and who approved it: what is left is shown to them. */
  readonly parties: readonly AgencyId[];
}

export interface LeftByReason {
  readonly reason: LeftReason;
  readonly proposals: readonly Sha256[];
  readonly entries: number;
}

/** Of one agency where it is given, else all. Reasons in their order above, without those for which nothing is left. */
export function leftByReason(left: readonly LeftErasure[], agency?: AgencyId): LeftByReason[] {
  const seen = left.filter(({ parties }) => agency === undefined || parties.includes(agency));
  return leftReasons.flatMap((reason) => {
    const some = seen.filter((one) => one.reason === reason);
    if (some.length === 0) return [];
    const entries = some.reduce((sum, one) => sum + one.entries, 0);
    return [{ reason, proposals: some.map(({ proposal }) => proposal), entries }];
  });
}

/** Why a run has nothing to do. What waits for nothing but others comes before what waits for a person. */
export const reasonForNothing = (left: readonly LeftErasure[]): LeftReason =>
  (['ENTRY_KEPT', 'TOO_FEW_PERSONS', 'LEGAL_HOLD', 'RETENTION_UNCONFIRMED'] as const).find((reason) =>
    left.some((one) => one.reason === reason),
  ) ?? 'NOT_APPROVED';
