import type { KeyRecord } from '#envelope';

const DAY_MS = 86_400_000;
/** Forgiven to the clocks of others, who may use a key a little longer than we say. */
const SKEW_MS = 60_000;

export interface KeyInTime {
  readonly use: KeyRecord['use'];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly revokedAt: Date | undefined;
}

export interface RotationRule {
  /** Without it a key is renewed only before it runs out. */
  readonly rotateEveryDays?: number | undefined;
  /** For so long both keys are accepted. */
  readonly overlapDays: number;
}

/** From when a newest key is to be replaced: after its days, and so early before its end that the overlap fits twice. */
export function rotateFrom({ notBefore, notAfter }: KeyInTime, { rotateEveryDays, overlapDays }: RotationRule): Date {
  const end = notAfter.getTime() - 2 * overlapDays * DAY_MS;
  const wished = rotateEveryDays === undefined ? end : notBefore.getTime() + rotateEveryDays * DAY_MS;
  return new Date(Math.min(end, wished));
}

/**
 * From when the private half of a key is of no use any more. What only signs is done when it ends. What receives is kept
 * until the last message that can have been sealed to it has ended, for no message outlives the release key that its
 * capsule is sealed to. The recovery key is never destroyed by itself, and auditors' keys are in no agent's vault.
 *
 * @param capsulesEnd until when capsules made before an instant can be opened; undefined while the log shows no release key
 */
export function destroyFrom(
  { use, notAfter, revokedAt }: KeyInTime,
  capsulesEnd: (madeBefore: Date) => Date | undefined,
): Date | undefined {
  const end = revokedAt !== undefined && revokedAt < notAfter ? revokedAt : notAfter;
  const unused = new Date(end.getTime() + SKEW_MS);
  switch (use) {
    case 'signing':
    case 'client-auth':
      return unused;
    case 'receiving': {
      const last = capsulesEnd(unused);
      return last && (last > unused ? last : unused);
    }
    case 'recovery':
    case 'auditor-signing':
    case 'auditor-auth':
      return undefined;
  }
}

/** No consent lasts longer, so none under an earlier pseudonym key is left then, signed again or not. */
const LONGEST_CONSENT_MS = 366 * DAY_MS;

/** From when an earlier pseudonym key is of no use any more: no message and no consent made under it is left. */
export function pseudonymKeyDestroyFrom(
  nextUsedFrom: Date,
  capsulesEnd: (madeBefore: Date) => Date | undefined,
): Date | undefined {
  const unused = new Date(nextUsedFrom.getTime() + SKEW_MS);
  const last = capsulesEnd(unused);
  return last && new Date(Math.max(last.getTime(), unused.getTime() + LONGEST_CONSENT_MS));
}
