import { describe, expect, it } from '@jest/globals';
import { type ConsentAct, type ConsentActType, consentActs } from '#envelope';
import { newEventId, numericDate } from '#kernel';
import {
  client,
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
import { type ActedUpon, judgeAct } from './act-rules.js';
import { type Actor, finalStates, type StoredState, storedStates, transitions } from './consent-state.js';

const guardian = {
  role: 'guardian',
  pseudonym: somebodyElse,
  reference: 'order-1',
  verifiedAt: now.toISOString(),
} as const;
/** Collected by the municipality, disclosed by the county, decided by the person beside a guardian. */
const record = recordOf({
  deciders: [{ role: 'self' }, guardian],
  grants: grants([12], { disclosers: [county], recipients: [employmentAuthority] }),
  untilPlanEnds: true,
});

const upon = (state: StoredState, changes: Partial<ActedUpon> = {}): ActedUpon => ({
  state,
  version: state === 'requested' || state === 'denied' || state === 'cancelled' || state === 'lapsed' ? 0 : 1,
  terms: state === 'requested' ? proposalOf({ wanted: record.grants }) : record,
  acts: [],
  excluded: new Set(),
  ...changes,
});

/** How each actor of the table appears in a statement. */
const as: Readonly<Record<Exclude<Actor, 'hub'>, Partial<ConsentAct>>> = {
  subject: { by: 'subject', agency: employmentAuthority },
  decider: { by: 'decider', decider: somebodyElse, agency: employmentAuthority },
  'collecting-agency': { by: 'authority', agency: municipality },
  'disclosing-agency': { by: 'authority', agency: county },
};
const withReason: readonly ConsentActType[] = ['suspend', 'revoke', 'invalidate'];

const actOf = (act: ConsentActType, changes: Partial<ConsentAct> = {}): ConsentAct => ({
  v: 1,
  consentId,
  version: act === 'deny' || act === 'cancel' ? 0 : 1,
  act,
  by: 'subject',
  channel: 'telephone',
  agency: municipality,
  worker: 'worker-1',
  ...(changes.by === 'authority' && withReason.includes(act) && { reason: 'error' }),
  jti: newEventId(),
  iat: numericDate(now),
  ...changes,
});

const withoutReason = ({ reason: _left, ...act }: ConsentAct): ConsentAct => act;

const outcomeOf = (act: ConsentAct, on: ActedUpon): string => {
  const judged = judgeAct(act, on);
  if (!judged.ok) return judged.error.code;
  return judged.value.kind === 'moves' ? judged.value.to : 'as before';
};
const suspendedBy = (...acts: Partial<ConsentAct>[]): Partial<ActedUpon> => ({
  acts: acts.map((changes) => ({ version: 1, payload: actOf('suspend', changes) })),
});

const cells = consentActs.flatMap((act) =>
  storedStates.flatMap((state) =>
    (Object.keys(as) as (keyof typeof as)[]).map((actor) => [act, state, actor] as const),
  ),
);

describe('an act about a consent', () => {
  it.each(cells)('%s in state %s by %s is what the table says', (act, state, actor) => {
    const rule = transitions[act];
    const on = upon(state, state === 'suspended' ? suspendedBy(as[actor]) : {});
    const expected = (): string => {
      if (!(rule.by as readonly Actor[]).includes(actor)) return 'FORBIDDEN';
      if (act === 'suspend' && state === 'suspended') return 'as before';
      if (act !== 'verify-mandate' && act !== 'suspend' && state === rule.to) return 'as before';
      if (act === 'withdraw' && on.version > 0 && finalStates.includes(state)) return 'as before';
      return (rule.from as readonly string[]).includes(state) ? rule.to : 'CONFLICT';
    };
    expect(outcomeOf(actOf(act, as[actor]), on)).toBe(expected());
  });

  it.each<[string, ConsentAct, ActedUpon, string]>([
    ['the same one suspends again', actOf('suspend'), upon('suspended', suspendedBy({})), 'as before'],
    [
      'another suspends too',
      actOf('suspend', as['disclosing-agency']),
      upon('suspended', suspendedBy({})),
      'suspended',
    ],
    [
      'an authority resumes what the client stopped',
      actOf('resume', as['collecting-agency']),
      upon('suspended', suspendedBy({})),
      'SUSPENDED_BY_ANOTHER',
    ],
    [
      'the client resumes what an authority stopped',
      actOf('resume'),
      upon('suspended', suspendedBy(as['disclosing-agency'])),
      'SUSPENDED_BY_ANOTHER',
    ],
    [
      'one authority resumes what another stopped',
      actOf('resume', as['collecting-agency']),
      upon('suspended', suspendedBy(as['disclosing-agency'])),
      'SUSPENDED_BY_ANOTHER',
    ],
    ['one of two resumes', actOf('resume'), upon('suspended', suspendedBy({}, as['disclosing-agency'])), 'suspended'],
    [
      'resumes a version that is not the present one',
      actOf('resume', { version: 2 }),
      upon('suspended', suspendedBy({})),
      'CONFLICT',
    ],
    ['withdraws a version that is not the present one', actOf('withdraw', { version: 7 }), upon('active'), 'withdrawn'],
    ['a person gives a reason', actOf('withdraw', { reason: 'why' }), upon('active'), 'MALFORMED'],
    ['an authority gives none', withoutReason(actOf('revoke', as['collecting-agency'])), upon('active'), 'MALFORMED'],
    [
      'a stranger decides',
      actOf('withdraw', { by: 'decider', decider: client }),
      upon('active'),
      'DECIDER_NOT_ENTITLED',
    ],
    ['a decider has no name', actOf('withdraw', { by: 'decider' }), upon('active'), 'MALFORMED'],
    ['the person has another’s name', actOf('withdraw', { decider: somebodyElse }), upon('active'), 'MALFORMED'],
    [
      'a child speaks alone',
      actOf('withdraw'),
      upon('active', { terms: recordOf({ standing: 'child', deciders: [guardian] }) }),
      'DECIDER_NOT_ENTITLED',
    ],
    [
      'a guardian resumes who may not decide any more',
      actOf('resume', as.decider),
      upon('suspended', { ...suspendedBy(as.decider), excluded: new Set([somebodyElse]) }),
      'DECIDER_EXCLUDED',
    ],
    [
      'a guardian withdraws who may not decide any more',
      actOf('withdraw', as.decider),
      upon('active', { excluded: new Set([somebodyElse]) }),
      'withdrawn',
    ],
    [
      'the plan ends on which it does not depend',
      actOf('end-plan', as['collecting-agency']),
      upon('active', { terms: recordOf() }),
      'CONFLICT',
    ],
    [
      'the client resumes what a newer version has made run again',
      actOf('resume', { version: 2 }),
      upon('active', { version: 2, ...suspendedBy({}) }),
      'as before',
    ],
  ])('%s: %s', (_what, act, on, outcome) => {
    expect(outcomeOf(act, on)).toBe(outcome);
  });

  it('says by its event when another’s suspension remains', () => {
    const judged = judgeAct(actOf('resume'), upon('suspended', suspendedBy({}, as['disclosing-agency'])));
    expect(judged).toMatchObject({ ok: true, value: { event: 'consent-suspension-lifted' } });
  });
});

describe('the table of transitions', () => {
  it('leads out of no final state', () => {
    expect([...finalStates].sort()).toEqual(
      ['cancelled', 'denied', 'expired', 'invalidated', 'lapsed', 'revoked', 'withdrawn'].sort(),
    );
  });
  it('reaches every state', () => {
    expect(new Set(Object.values(transitions).map(({ to }) => to))).toEqual(new Set(storedStates));
  });
});
