import { describe, expect, it } from '@jest/globals';
import {
  type ConsentRecord,
  type Decider,
  type DeciderRole,
  deciderRoles,
  judgeDeciders,
  neededRoles,
  restsOnExcluded,
  roleRules,
  subjectStandings,
} from '#envelope';
import type { Pseudonym } from '#kernel';
import { client, daysLater, now, recordOf, somebodyElse } from '../testing/facts.fixture.js';

const another = `p1.${'E'.repeat(42)}A` as Pseudonym;
const decider = (role: DeciderRole, changes: Partial<Decider> = {}): Decider => ({
  role,
  ...(role !== 'self' && { pseudonym: somebodyElse }),
  ...(roleRules[role].reference && { reference: 'order-1' }),
  ...(roleRules[role].verified && { verifiedAt: daysLater(-1).toISOString() }),
  ...changes,
});
const outcomeOf = (changes: Partial<ConsentRecord>, excluded: readonly Pseudonym[] = []): string => {
  const judged = judgeDeciders(recordOf(changes), new Set(excluded), now);
  return judged.ok ? 'may decide' : judged.error.code;
};
const custodyOf = (roles: readonly DeciderRole[]): Partial<ConsentRecord> =>
  roles.includes('custodian') ? { custody: 'sole' } : {};

const alone = subjectStandings.flatMap((standing) => deciderRoles.map((role) => [standing, role] as const));

describe('who may decide', () => {
  it.each(alone)('for %s: %s alone as the tables say', (standing, role) => {
    const suffices = neededRoles[standing].every((group) => group.includes(role));
    const may = roleRules[role].for.includes(standing) && suffices;
    expect(outcomeOf({ standing, deciders: [decider(role)], ...custodyOf([role]) })).toBe(
      may ? 'may decide' : 'DECIDER_NOT_ENTITLED',
    );
  });

  it.each(['custodian', 'guardian', 'representative'] as const)('a fifteen-year-old beside a %s', (role) => {
    const deciders = [decider('self'), decider(role)];
    expect(outcomeOf({ standing: 'fifteen', deciders, ...custodyOf([role]) })).toBe('may decide');
  });

  it.each<[string, Partial<ConsentRecord>, string]>([
    [
      'both custodians',
      { custody: 'joint', deciders: [decider('custodian'), decider('custodian', { pseudonym: another })] },
      'may decide',
    ],
    ['one of two custodians', { custody: 'joint', deciders: [decider('custodian')] }, 'CUSTODIANS_INCOMPLETE'],
    [
      'a custodian where nobody says whether there is another',
      { deciders: [decider('custodian')] },
      'CUSTODIANS_INCOMPLETE',
    ],
    [
      'two who have sole custody',
      { custody: 'sole', deciders: [decider('custodian'), decider('custodian', { pseudonym: another })] },
      'CUSTODIANS_INCOMPLETE',
    ],
    [
      'a representative where custody is stated',
      { custody: 'sole', deciders: [decider('representative')] },
      'CUSTODIANS_INCOMPLETE',
    ],
    [
      'a custodian beside the child itself',
      { custody: 'sole', deciders: [decider('custodian'), decider('self')] },
      'DECIDER_NOT_ENTITLED',
    ],
    [
      'the child as its own custodian',
      { custody: 'sole', deciders: [decider('custodian', { pseudonym: client })] },
      'DECIDER_NOT_ENTITLED',
    ],
  ])('for a child: %s', (_who, changes, outcome) => {
    expect(outcomeOf({ standing: 'child', ...changes })).toBe(outcome);
  });

  it.each<[string, Decider, string]>([
    ['without the order’s reference', without(decider('guardian'), 'reference'), 'DECIDER_UNVERIFIED'],
    ['whose right nobody verified', without(decider('guardian'), 'verifiedAt'), 'DECIDER_UNVERIFIED'],
    [
      'whose right is to be verified tomorrow',
      decider('guardian', { verifiedAt: daysLater(1).toISOString() }),
      'DECIDER_UNVERIFIED',
    ],
    ['whose order has ended', decider('guardian', { validUntil: now.toISOString() }), 'MANDATE_ENDED'],
    ['whose order ends tomorrow', decider('guardian', { validUntil: daysLater(1).toISOString() }), 'may decide'],
    ['with a mandate without its reference', without(decider('mandate'), 'reference'), 'DECIDER_UNVERIFIED'],
  ])('for an adult somebody %s', (_who, one, outcome) => {
    expect(outcomeOf({ deciders: [one] })).toBe(outcome);
  });

  it('nobody whose interests conflict', () => {
    const deciders = [decider('self'), decider('guardian')];
    expect(outcomeOf({ deciders })).toBe('may decide');
    expect(outcomeOf({ deciders }, [somebodyElse])).toBe('DECIDER_EXCLUDED');
    expect(outcomeOf({ deciders }, [another])).toBe('may decide');
  });
});

describe('what rests on somebody who is excluded', () => {
  const custodians = [decider('custodian'), decider('custodian', { pseudonym: another })];
  it.each<[string, Pick<ConsentRecord, 'standing' | 'deciders'>, boolean]>([
    ['is what that person decided alone for a child', { standing: 'child', deciders: [decider('custodian')] }, true],
    ['is not what another custodian decided too', { standing: 'child', deciders: custodians }, false],
    [
      'is what a fifteen-year-old decided beside that person alone',
      { standing: 'fifteen', deciders: [decider('self'), decider('custodian')] },
      true,
    ],
    ['is not what an adult decided', { standing: 'adult', deciders: [decider('self'), decider('guardian')] }, false],
    ['is what a guardian alone decided for an adult', { standing: 'adult', deciders: [decider('guardian')] }, true],
  ])('%s', (_what, record, rests) => {
    expect(restsOnExcluded(record, (one) => one === somebodyElse)).toBe(rests);
    expect(restsOnExcluded(record, () => false)).toBe(false);
  });
});

function without(one: Decider, member: 'reference' | 'verifiedAt'): Decider {
  return Object.fromEntries(Object.entries(one).filter(([name]) => name !== member)) as unknown as Decider;
}
