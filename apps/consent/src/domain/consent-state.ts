import type { ConsentId } from '#kernel';
import type { ConsentRecord } from '#envelope';

/**
 * States in which a consent can be *stored*. `expired` is never stored: it is computed when deciding (design: Basis). The
 * whole life cycle (requested, suspended, revoked …) adds rows to `transitions`.
 */
export const storedStates = ['active', 'withdrawn'] as const;
export type StoredState = (typeof storedStates)[number];
export type ConsentState = StoredState | 'not-yet-valid' | 'expired' | 'superseded';

/** What may happen to a consent, and in which stored state. */
export const transitions = {
  'new-version': { from: ['active'], to: 'active' },
  withdraw: { from: ['active'], to: 'withdrawn' },
} as const satisfies Record<string, { from: readonly StoredState[]; to: StoredState }>;

export type Transition = keyof typeof transitions;

export const mayHappen = (transition: Transition, state: StoredState): boolean =>
  (transitions[transition].from as readonly StoredState[]).includes(state);

/** One consent as stored: its newest version and what has happened to it. */
export interface Consent {
  readonly id: ConsentId;
  /** The newest version. */
  readonly version: number;
  readonly state: StoredState;
  readonly record: ConsentRecord;
  readonly withdrawnAt: Date | undefined;
}

/** The state of one version at one moment. Withdrawal goes before everything else: it is the person's own word. */
export function stateAt(consent: Consent, version: number, at: Date): ConsentState {
  if (consent.state === 'withdrawn') return 'withdrawn';
  if (version < consent.version) return 'superseded';
  if (at < new Date(consent.record.validFrom)) return 'not-yet-valid';
  if (at >= new Date(consent.record.validUntil)) return 'expired';
  return 'active';
}

/** Whether an agency may know that this consent exists, and why it does not hold. */
export const isParty = (record: ConsentRecord, agency: string): boolean =>
  [record.collectingAgency, ...record.requesters, ...record.disclosers].some((party) => party === agency);
