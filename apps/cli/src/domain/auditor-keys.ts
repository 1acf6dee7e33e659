import type { KeyRecord } from '#envelope';

/** An auditor has one key to sign in and one to sign what is asked and done. */
export const auditorUses = ['auditor-signing', 'auditor-auth'] as const satisfies readonly KeyRecord['use'][];
export type AuditorUse = (typeof auditorUses)[number];

/** How long a key may be used; renewed before. */
const keyLifetimeMs = 2 * 365 * 86_400_000;
/** A clock that is a little ahead must not make a key that nobody may use yet. */
const backdatedMs = 5 * 60_000;

/** When a key counts that is recorded now. */
export const keyPeriod = (now: Date): Pick<KeyRecord, 'notBefore' | 'notAfter'> => ({
  notBefore: new Date(now.getTime() - backdatedMs).toISOString(),
  notAfter: new Date(now.getTime() + keyLifetimeMs).toISOString(),
});
