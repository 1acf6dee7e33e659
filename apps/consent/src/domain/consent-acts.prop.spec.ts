import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type ConsentAct, consentActs, type ConsentRecord } from '#envelope';
import { newEventId, numericDate } from '#kernel';
import {
  catalogue,
  consentId,
  county,
  employmentAuthority,
  grants,
  municipality,
  now,
  proposalOf,
  recordOf,
  somebodyElse,
} from '../testing/facts.fixture.js';
import { acceptRecord } from './accept-record.js';
import { type ActedUpon, judgeAct, type PastAct } from './act-rules.js';
import { finalStates, type StoredState, storedStates } from './consent-state.js';
import { type LogWord, replay } from './log-words.js';

const seeded = { seed: 20_261_126, numRuns: 1_000 };

type Who = 'client' | 'guardian' | 'collecting' | 'disclosing' | 'asking';
type Step =
  | { readonly kind: 'act'; readonly act: ConsentAct['act']; readonly who: Who }
  | { readonly kind: 'record' }
  | { readonly kind: 'time-is-over' };

const who = fc.constantFrom<Who>('client', 'guardian', 'collecting', 'disclosing', 'asking');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('act' as const), act: fc.constantFrom(...consentActs), who }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'record' } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'time-is-over' } as const) },
);

const members: Readonly<Record<Who, Partial<ConsentAct>>> = {
  client: { by: 'subject', agency: employmentAuthority },
  guardian: { by: 'decider', decider: somebodyElse, agency: employmentAuthority },
  collecting: { by: 'authority', agency: municipality },
  disclosing: { by: 'authority', agency: county },
  asking: { by: 'authority', agency: employmentAuthority },
};
const given = grants([12], { disclosers: [county], recipients: [employmentAuthority] });
const guardian = { role: 'guardian', reference: 'order-1', verifiedAt: '2026-11-20T10:00:00Z' } as const;

/** Moved by the service's own rules. */
class Consent {
  state: StoredState = 'requested';
  version = 0;
  readonly acts: PastAct[] = [];
  /** As the log would have it: type, version. */
  readonly words: LogWord[] = [];
  private record: ConsentRecord | undefined;

  take(step: Step): void {
    if (step.kind === 'act') this.act(step);
    else if (step.kind === 'record') this.renew();
    else if (!finalStates.includes(this.state))
      this.move(this.version === 0 ? 'lapsed' : 'expired', this.version === 0 ? 'consent-lapsed' : 'consent-expired');
  }

  private act({ act, who: actor }: Extract<Step, { kind: 'act' }>): void {
    const by = members[actor];
    const reason =
      by.by === 'authority' && ['suspend', 'revoke', 'invalidate'].includes(act) ? { reason: 'error' } : {};
    const statement: ConsentAct = {
      v: 1,
      consentId,
      version: this.version,
      act,
      by: 'subject',
      channel: 'telephone',
      agency: municipality,
      worker: 'worker-1',
      jti: newEventId(),
      iat: numericDate(now),
      ...reason,
      ...by,
    };
    const upon: ActedUpon = {
      state: this.state,
      version: this.version,
      terms: this.record ?? proposalOf({ wanted: given, untilPlanEnds: true }),
      acts: this.acts,
      excluded: new Set(),
    };
    const judged = judgeAct(statement, upon);
    if (!judged.ok || judged.value.kind !== 'moves') return;
    this.acts.push({ version: this.version, payload: statement });
    this.move(judged.value.to, judged.value.event);
  }

  private renew(): void {
    const record = recordOf({
      version: this.version + 1,
      grants: given,
      deciders: [{ role: 'self' }, { ...guardian, pseudonym: somebodyElse }],
      untilPlanEnds: true,
      collectedAt: '2026-11-22T00:00:00Z',
    });
    const present = this.record && { record: this.record, version: this.version, state: this.state };
    // A record without a proposal, where there was one, is another test's.
    if (!present && this.state !== 'requested') return;
    if (!acceptRecord(record, present ? { present } : {}, catalogue, now).ok) return;
    if (this.version > 0) this.words.push({ type: 'consent-superseded', version: this.version, at: now });
    this.record = record;
    this.version += 1;
    this.move('active', 'consent-recorded');
  }

  private move(to: StoredState, type: string): void {
    this.state = to;
    this.words.push({ type, version: this.version, at: now });
  }
}

/** What the design says, written down a second time and without the table. */
class Model {
  phase: 'asked' | 'running' | 'over' = 'asked';
  end: StoredState | undefined;
  stoppedBy = new Set<Who>();

  take(step: Step): void {
    if (this.phase === 'over') return;
    if (step.kind === 'record') {
      this.phase = 'running';
      this.stoppedBy.clear();
    } else if (step.kind === 'time-is-over') this.close(this.phase === 'asked' ? 'lapsed' : 'expired');
    else if (this.phase === 'asked') this.answer(step);
    else this.happen(step);
  }

  get state(): StoredState {
    return this.end ?? (this.phase === 'asked' ? 'requested' : this.stoppedBy.size > 0 ? 'suspended' : 'active');
  }

  /** Nobody has decided yet: whose answer it is, is the collecting agency's to verify. */
  private answer({ act, who: actor }: Extract<Step, { kind: 'act' }>): void {
    if (act === 'deny' && (actor === 'client' || actor === 'guardian')) this.close('denied');
    if (act === 'cancel' && actor === 'collecting') this.close('cancelled');
  }

  private happen({ act, who: actor }: Extract<Step, { kind: 'act' }>): void {
    const person = actor === 'client' || actor === 'guardian';
    if (act === 'withdraw' && person) this.close('withdrawn');
    if (act === 'revoke' && (actor === 'collecting' || actor === 'disclosing')) this.close('revoked');
    if (act === 'invalidate' && actor === 'collecting') this.close('invalidated');
    if (act === 'end-plan' && actor === 'collecting') this.close('expired');
    if (act === 'suspend' && actor !== 'asking') this.stoppedBy.add(actor);
    if (act === 'resume') this.stoppedBy.delete(actor);
  }

  private close(state: StoredState): void {
    this.phase = 'over';
    this.end = state;
  }
}

const run = (steps: readonly Step[]): { consent: Consent; model: Model; states: StoredState[] } => {
  const [consent, model] = [new Consent(), new Model()];
  const states: StoredState[] = [];
  for (const one of steps) {
    consent.take(one);
    model.take(one);
    states.push(consent.state);
  }
  return { consent, model, states };
};

describe('a proposal and what becomes of it, whatever is done to it by whomever', () => {
  it('is at each moment where the design has it', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const [consent, model] = [new Consent(), new Model()];
        for (const one of steps) {
          consent.take(one);
          model.take(one);
          expect(consent.state).toBe(model.state);
        }
      }),
      seeded,
    );
  });

  it('never leaves a final state', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { states } = run(steps);
        const end = states.findIndex((state) => finalStates.includes(state));
        if (end >= 0) expect(new Set(states.slice(end)).size).toBe(1);
      }),
      seeded,
    );
  });

  it('reaches every state in some history', () => {
    const seen = new Set<StoredState>();
    for (const steps of fc.sample(fc.array(step, { minLength: 5, maxLength: 20 }), { seed: 1, numRuns: 2_000 }))
      for (const state of run(steps).states) seen.add(state);
    expect([...seen].sort()).toEqual([...storedStates].sort());
  });

  it('ends after a restore to any moment as it had ended, by the words of the log since', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(30), (steps, at) => {
        const backup = run([{ kind: 'record' }, ...steps.slice(0, at)]).consent;
        const { consent } = run([{ kind: 'record' }, ...steps]);
        let restored: { state: StoredState; version: number; loggedVersion: number } = {
          state: backup.state,
          version: backup.version,
          loggedVersion: 0,
        };
        for (const word of consent.words.slice(backup.words.length)) {
          const replayed = replay(word, restored);
          if (replayed.kind === 'moves') restored = { ...restored, state: replayed.to };
          if (replayed.kind === 'supersedes')
            restored = { ...restored, loggedVersion: Math.max(restored.loggedVersion, replayed.version) };
        }
        const lostVersion = consent.version > backup.version;
        if (finalStates.includes(consent.state)) expect(restored.state).toBe(consent.state);
        else if (lostVersion) expect(restored.loggedVersion).toBe(consent.version);
        else expect(restored.state).toBe(consent.state);
      }),
      seeded,
    );
  });
});
