import type { ErrorCode } from '#kernel';
import type { ConsentType } from './entry-types.js';

/** One entry of the log about a consent. */
export interface ConsentWord {
  readonly leafIndex: number;
  readonly type: ConsentType;
  readonly version: number;
}

const final: Partial<Record<ConsentType, ErrorCode>> = {
  'consent-withdrawn': 'CONSENT_WITHDRAWN',
  'consent-revoked': 'CONSENT_INACTIVE',
  'consent-invalidated': 'CONSENT_INACTIVE',
  'consent-expired': 'CONSENT_EXPIRED',
  'consent-superseded': 'CONSENT_SUPERSEDED',
};

/** What the log says about one version of a consent. `unknown`: its record has not been logged yet. */
export type ConsentStanding =
  { readonly holds: true } | { readonly holds: false; readonly code: ErrorCode | 'unknown'; readonly final: boolean };

/**
 * Final states are final, whatever is logged after them; a withdrawal comes first, because it is the subject's word. The
 * record of a newer version supersedes. Of suspending and resuming the last one counts.
 */
export function standingOf(version: number, words: readonly ConsentWord[]): ConsentStanding {
  const own = words.filter((word) => word.version === version).sort((a, b) => a.leafIndex - b.leafIndex);
  const ends = own.map(({ type }) => final[type]).filter((code) => code !== undefined);
  if (words.some((word) => word.version >= version && word.type === 'consent-withdrawn'))
    return { holds: false, code: 'CONSENT_WITHDRAWN', final: true };
  if (ends[0] !== undefined) return { holds: false, code: ends[0], final: true };
  if (words.some((word) => word.version > version && word.type === 'consent-recorded'))
    return { holds: false, code: 'CONSENT_SUPERSEDED', final: true };
  const last = own.at(-1);
  if (last === undefined) return { holds: false, code: 'unknown', final: false };
  return last.type === 'consent-suspended' ? { holds: false, code: 'CONSENT_INACTIVE', final: false } : { holds: true };
}
