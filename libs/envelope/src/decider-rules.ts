import { AppError, err, ok, type Pseudonym, type Result } from '#kernel';
import type { ConsentRecord, Decider, DeciderRole, SubjectStanding } from './consent-record.js';

/** Forgiven to agencies' clocks. */
const SKEW_MS = 60_000;

/** Who may not decide for somebody. */
export type ExcludedDeciders = Pick<ReadonlySet<Pseudonym>, 'has'>;

/** What a role must show, beside its pseudonym. */
interface RoleRule {
  /** Whose decision it may be, alone or beside others. */
  readonly for: readonly SubjectStanding[];
  /** An order or mandate that somebody can look up. */
  readonly reference: boolean;
  /** When the right to decide was verified. */
  readonly verified: boolean;
}

/** Who may decide for whom. Documentation and tests are made from this table and the next. */
export const roleRules: Readonly<Record<DeciderRole, RoleRule>> = {
  self: { for: ['adult', 'fifteen'], reference: false, verified: false },
  custodian: { for: ['fifteen', 'child'], reference: false, verified: true },
  guardian: { for: ['adult', 'fifteen', 'child'], reference: true, verified: true },
  representative: { for: ['fifteen', 'child'], reference: true, verified: true },
  mandate: { for: ['adult'], reference: true, verified: true },
};

/** Each group needs at least one of its roles. A fifteen-year-old acts beside who acts for a child (Administrative Procedure Act §14). */
export const neededRoles: Readonly<Record<SubjectStanding, readonly (readonly DeciderRole[])[]>> = {
  adult: [['self', 'guardian', 'mandate']],
  fifteen: [['self'], ['custodian', 'guardian', 'representative']],
  child: [['custodian', 'guardian', 'representative']],
};

/**
 * Are these the ones who may decide? Whether a mandate is still good is judged again at each release.
 *
 * @param excluded who may not decide for this subject
 * Errors: DECIDER_EXCLUDED, DECIDER_NOT_ENTITLED, CUSTODIANS_INCOMPLETE, DECIDER_UNVERIFIED, MANDATE_ENDED
 */
export function judgeDeciders(
  record: Pick<ConsentRecord, 'subject' | 'standing' | 'deciders' | 'custody'>,
  excluded: ExcludedDeciders,
  now: Date,
): Result<void> {
  const { deciders, standing, subject } = record;
  if (deciders.some(({ pseudonym }) => pseudonym !== undefined && excluded.has(pseudonym)))
    return err(new AppError('DECIDER_EXCLUDED'));
  const strangers = deciders.filter(
    ({ role, pseudonym }) => !roleRules[role].for.includes(standing) || pseudonym === subject,
  );
  const lacking = neededRoles[standing].filter((group) => !deciders.some(({ role }) => group.includes(role)));
  if (strangers.length > 0 || lacking.length > 0)
    return err(
      new AppError('DECIDER_NOT_ENTITLED', undefined, {
        standing,
        ...(strangers.length > 0 && { roles: strangers.map(({ role }) => role) }),
        ...(lacking.length > 0 && { lacking: lacking.flat() }),
      }),
    );
  const custodians = deciders.filter(({ role }) => role === 'custodian').length;
  if (custodians > 0 ? !custodiansSuffice(custodians, record.custody) : record.custody !== undefined)
    return err(new AppError('CUSTODIANS_INCOMPLETE', undefined, { custodians }));
  for (const decider of deciders) {
    const proved = judgeProof(decider, now);
    if (!proved.ok) return proved;
  }
  return ok(undefined);
}

/**
 * Do these decisions rest on somebody who may not decide? Without those who are excluded, somebody whose decision the law
 * demands is missing.
 */
export const restsOnExcluded = (
  { standing, deciders }: Pick<ConsentRecord, 'standing' | 'deciders'>,
  excluded: (decider: Pseudonym) => boolean,
): boolean => {
  const left = deciders.filter(({ pseudonym }) => pseudonym === undefined || !excluded(pseudonym));
  return (
    left.length < deciders.length &&
    neededRoles[standing].some((group) => !left.some(({ role }) => group.includes(role)))
  );
};

const custodiansSuffice = (count: number, custody: ConsentRecord['custody']): boolean =>
  custody === 'joint' ? count >= 2 : custody === 'sole' && count === 1;

function judgeProof({ role, reference, verifiedAt, validUntil }: Decider, now: Date): Result<void> {
  const rule = roleRules[role];
  const missing = [
    ...(rule.reference && reference === undefined ? ['reference'] : []),
    ...(rule.verified && (verifiedAt === undefined || Date.parse(verifiedAt) > now.getTime() + SKEW_MS)
      ? ['verifiedAt']
      : []),
  ];
  if (missing.length > 0) return err(new AppError('DECIDER_UNVERIFIED', undefined, { role, fields: missing }));
  return validUntil !== undefined && new Date(validUntil) <= now
    ? err(new AppError('MANDATE_ENDED', undefined, { role }))
    : ok(undefined);
}
