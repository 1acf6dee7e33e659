import { type ConsentActType, type ConsentProposal, type ConsentRecord, partiesOf } from '#envelope';
import type { AgencyId, ConsentId } from '#kernel';

/**
 * States in which a consent can be *stored*. That its time is over, or that a newer version replaced one, is computed when
 * deciding and never trusted from a stored flag (design: Basis); `expired` is stored too where an agency said that the
 * plan has ended, and as a fact for the log.
 */
export const storedStates = [
  'requested',
  'active',
  'suspended',
  'withdrawn',
  'revoked',
  'expired',
  'invalidated',
  'denied',
  'lapsed',
  'cancelled',
] as const;
export type StoredState = (typeof storedStates)[number];
export type ConsentState = StoredState | 'not-yet-valid' | 'superseded';

/** Who may bring a transition about. The person and who decides for the person act through any agency that is a party. */
export const actors = ['subject', 'decider', 'collecting-agency', 'disclosing-agency', 'hub'] as const;
export type Actor = (typeof actors)[number];

export interface TransitionRule {
  /** `none`: there was no such consent. */
  readonly from: readonly (StoredState | 'none')[];
  readonly to: StoredState;
  readonly by: readonly Actor[];
  /** Type of the event and of the log's entry. */
  readonly event: string;
  /** The agency's statement about it; a record or proposal where it is no act. */
  readonly act?: ConsentActType;
}

const person = ['subject', 'decider'] as const;
const running = ['active', 'suspended'] as const;

/** What may happen to a consent, in which state, by whom. Documentation and tests are made from this table. */
export const transitions = {
  propose: { from: ['none'], to: 'requested', by: ['collecting-agency'], event: 'consent-requested' },
  record: { from: ['none', 'requested'], to: 'active', by: person, event: 'consent-recorded' },
  deny: { from: ['requested'], to: 'denied', by: person, event: 'consent-denied', act: 'deny' },
  cancel: {
    from: ['requested'],
    to: 'cancelled',
    by: ['collecting-agency'],
    event: 'consent-cancelled',
    act: 'cancel',
  },
  lapse: { from: ['requested'], to: 'lapsed', by: ['hub'], event: 'consent-lapsed' },
  'new-version': { from: running, to: 'active', by: person, event: 'consent-recorded' },
  // Each who may suspends for itself; it runs again when the last of them has resumed.
  suspend: {
    from: running,
    to: 'suspended',
    by: [...person, 'collecting-agency', 'disclosing-agency'],
    event: 'consent-suspended',
    act: 'suspend',
  },
  resume: {
    from: ['suspended'],
    to: 'active',
    by: [...person, 'collecting-agency', 'disclosing-agency'],
    event: 'consent-resumed',
    act: 'resume',
  },
  'verify-mandate': {
    from: ['active'],
    to: 'active',
    by: ['collecting-agency'],
    event: 'consent-mandate-verified',
    act: 'verify-mandate',
  },
  withdraw: { from: running, to: 'withdrawn', by: person, event: 'consent-withdrawn', act: 'withdraw' },
  revoke: {
    from: running,
    to: 'revoked',
    by: ['collecting-agency', 'disclosing-agency'],
    event: 'consent-revoked',
    act: 'revoke',
  },
  invalidate: {
    from: running,
    to: 'invalidated',
    by: ['collecting-agency'],
    event: 'consent-invalidated',
    act: 'invalidate',
  },
  // What was decided by somebody alone who may not decide is nobody's decision any more.
  'lose-decider': { from: running, to: 'invalidated', by: ['hub'], event: 'consent-invalidated' },
  'end-plan': { from: running, to: 'expired', by: ['collecting-agency'], event: 'consent-expired', act: 'end-plan' },
  expire: { from: running, to: 'expired', by: ['hub'], event: 'consent-expired' },
} as const satisfies Record<string, TransitionRule>;

export type Transition = keyof typeof transitions;

export const mayHappen = (transition: Transition, state: StoredState | 'none'): boolean =>
  (transitions[transition].from as readonly string[]).includes(state);

/** Of one that resumes while another's suspension stands: it stays suspended. */
const suspensionLifted = 'consent-suspension-lifted';

/** What the log is told of a transition after which a consent stands so. */
export const eventOf = (transition: Transition, state: StoredState): string =>
  transition === 'resume' && state === 'suspended' ? suspensionLifted : transitions[transition].event;

/** Types of all entries by which a consent came to stand as it does. */
export const eventsOfTransitions: readonly string[] = [
  ...new Set([...Object.values(transitions).map(({ event }) => event), suspensionLifted]),
];

/** States out of which nothing leads. */
export const finalStates: readonly StoredState[] = storedStates.filter(
  (state) => !Object.values<TransitionRule>(transitions).some(({ from }) => from.includes(state)),
);

/** One recorded consent as stored: its newest version and what has happened to it. */
export interface Consent {
  readonly id: ConsentId;
  /** The newest version. */
  readonly version: number;
  readonly state: StoredState;
  readonly record: ConsentRecord;
  /** When it reached its final state. */
  readonly endedAt: Date | undefined;
  /** When the deciders' right to decide was last verified after the record was made. */
  readonly mandateVerifiedAt?: Date;
  /** Newest version of which the log tells, where its record was lost with a restored backup. */
  readonly loggedVersion?: number;
}

/** The state of one version at one moment. Withdrawal goes before everything else: it is the person's own word. */
export function stateAt(consent: Consent, version: number, at: Date): ConsentState {
  if (consent.state === 'requested' || finalStates.includes(consent.state)) return consent.state;
  if (version < Math.max(consent.version, consent.loggedVersion ?? 0)) return 'superseded';
  if (at >= new Date(consent.record.validUntil)) return 'expired';
  if (consent.state === 'suspended') return 'suspended';
  if (at < new Date(consent.record.validFrom)) return 'not-yet-valid';
  return 'active';
}

/** The state of what is only proposed. That its time is over is computed too. */
export const proposalStateAt = (
  state: StoredState,
  { lapsesAt }: Pick<ConsentProposal, 'lapsesAt'>,
  at: Date,
): StoredState => (state === 'requested' && at >= new Date(lapsesAt) ? 'lapsed' : state);

/** Whether an agency may know that this consent exists, and why it does not hold. */
export const isParty = (record: ConsentRecord, agency: AgencyId): boolean => partiesOf(record).includes(agency);
