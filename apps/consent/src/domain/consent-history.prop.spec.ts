import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ConsentRecord } from '#envelope';
import {
  byConsent,
  catalogue,
  consentId,
  consentOf,
  contextOf,
  daysLater,
  employmentAuthority,
  exchange,
  factsOf,
  grants,
  municipality,
  recordOf,
} from '../testing/facts.fixture.js';
import { acceptRecord } from './accept-record.js';
import { type Consent, mayHappen, stateAt } from './consent-state.js';
import { type ConsentUse, decideBasis } from './decide-basis.js';

const seeded = { seed: 20_261_122, numRuns: 300 };

type Step =
  | { readonly type: 'record'; readonly version: number; readonly uses: ConsentRecord['uses'] }
  | { readonly type: 'withdraw' }
  | { readonly type: 'release'; readonly version: number; readonly exchange: number; readonly toMunicipality: boolean };

const uses: fc.Arbitrary<ConsentRecord['uses']> = fc.oneof(
  fc.constant({ kind: 'once' } as const),
  fc.record({ kind: fc.constant('repeated' as const), max: fc.integer({ min: 1, max: 4 }) }),
);
const release = fc.record({
  type: fc.constant('release' as const),
  version: fc.integer({ min: 1, max: 4 }),
  exchange: fc.integer({ min: 1, max: 6 }),
  toMunicipality: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: release },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('record' as const),
      version: fc.integer({ min: 1, max: 4 }),
      uses,
    }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'withdraw' } as const) },
);

/** A consent with its uses, moved by the same rules as the stored one. */
class History {
  consent: Consent | undefined;
  readonly firstUses: ConsentUse[] = [];
  /** Outcome of each step, in order. */
  readonly outcomes: string[] = [];

  take(step: Step, day: number): void {
    this.outcomes.push(this.outcomeOf(step, day));
  }

  private outcomeOf(step: Step, day: number): string {
    if (step.type === 'withdraw') return this.withdraw(day);
    return step.type === 'record' ? this.record(step, day) : this.release(step, day);
  }

  private record({ version, uses }: Extract<Step, { type: 'record' }>, day: number): string {
    const record = recordOf({
      version,
      uses,
      grants: grants([12], { recipients: [municipality, employmentAuthority] }),
      collectedAt: '2026-11-22T00:00:00Z',
    });
    const accepted = acceptRecord(record, this.consent ? { present: this.consent } : {}, catalogue, daysLater(day));
    if (!accepted.ok) return accepted.error.code;
    this.consent = consentOf(record);
    return 'recorded';
  }

  private withdraw(day: number): string {
    if (!this.consent || !mayHappen('withdraw', this.consent.state)) return 'as before';
    this.consent = { ...this.consent, state: 'withdrawn', endedAt: daysLater(day) };
    return 'withdrawn';
  }

  private release({ version, exchange: n, toMunicipality }: Extract<Step, { type: 'release' }>, day: number): string {
    const recipient = toMunicipality ? municipality : employmentAuthority;
    const context = contextOf({ recipient, exchangeId: exchange(n), basis: [byConsent({}, consentId, version)] });
    const stored = this.consent ? [this.consent] : [];
    const decision = decideBasis(context, factsOf({ stored, uses: this.firstUses, now: daysLater(day) }));
    if (!decision.allowed) return decision.reasons[0].code;
    this.firstUses.push(...decision.uses.filter(({ first }) => first));
    return 'released';
  }
}

const historyOf = (steps: readonly Step[]): History => {
  const history = new History();
  steps.forEach((step, index) => history.take(step, index));
  return history;
};

describe('a consent, whatever happens in whatever order', () => {
  it('stays withdrawn: no release, no new version, no other state', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.array(step, { maxLength: 15 }), (before, after) => {
        const first: Step = { type: 'record', version: 1, uses: { kind: 'repeated' } };
        const { consent, outcomes } = historyOf([first, ...before, { type: 'withdraw' }, ...after]);
        const afterwards = outcomes.slice(before.length + 2);
        expect(afterwards).not.toContain('released');
        expect(afterwards).not.toContain('recorded');
        for (const version of [1, 2, 3, 4])
          for (const day of [-400, 0, 400]) expect(stateAt(consent!, version, daysLater(day))).toBe('withdrawn');
      }),
      seeded,
    );
  });

  it('that holds once has one first use at most, also over its versions', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const first: Step = { type: 'record', version: 1, uses: { kind: 'once' } };
        const onceOnly = steps.map((other) => (other.type === 'record' ? { ...other, uses: first.uses } : other));
        expect(historyOf([first, ...onceOnly]).firstUses.length).toBeLessThanOrEqual(1);
      }),
      seeded,
    );
  });

  it('has no more first uses than its present version allows, once it was the only one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(release, { maxLength: 40 }), (max, releases) => {
        const { firstUses } = historyOf([{ type: 'record', version: 1, uses: { kind: 'repeated', max } }, ...releases]);
        const named = releases.filter(({ version }) => version === 1);
        const distinct = new Set(named.map(({ exchange: n, toMunicipality }) => `${n} ${toMunicipality}`)).size;
        expect(firstUses).toHaveLength(Math.min(max, distinct));
      }),
      seeded,
    );
  });

  it('gives the same exchange and recipient its release again, and counts nothing', () => {
    fc.assert(
      fc.property(fc.array(release, { minLength: 1, maxLength: 20 }), (releases) => {
        const record: Step = { type: 'record', version: 1, uses: { kind: 'repeated', max: 3 } };
        const once = historyOf([record, ...releases]);
        const twice = historyOf([record, ...releases.flatMap((one) => [one, one])]);
        const withoutTime = ({ firstUses }: History) => firstUses.map(({ usedAt: _, ...counted }) => counted);
        expect(withoutTime(twice)).toEqual(withoutTime(once));
        expect(twice.outcomes.slice(1)).toEqual(once.outcomes.slice(1).flatMap((outcome) => [outcome, outcome]));
      }),
      seeded,
    );
  });
});
