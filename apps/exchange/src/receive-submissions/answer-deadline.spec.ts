import { describe, expect, it } from '@jest/globals';
import { unwrap } from '#kernel';
import { answerDeadline, periodOf } from './answer-deadline.js';

const rules = {
  agreed: { length: { unit: 'days', count: 7 }, endsOnWorkingDay: true },
  outerLimit: { length: { unit: 'months', count: 1 }, endsOnWorkingDay: true },
} as const;
const consultation = {
  ...rules,
  agreed: { length: { unit: 'working-days', count: 5 }, endsOnWorkingDay: true },
} as const;
const codeOf = (wished: string, now: Date): string => {
  const result = answerDeadline(rules, wished, now);
  return result.ok ? 'ok' : result.error.code;
};

describe('until when the holder may answer', () => {
  const monday = new Date('2026-03-02T08:00:00Z');

  it('a week after it arrived, to the end of the day in Helsinki', () => {
    expect(unwrap(answerDeadline(rules, undefined, monday)).toISOString()).toBe('2026-03-09T21:59:59.000Z');
  });

  it('a period that ends at Easter goes on to the Tuesday after it', () => {
    // 27 March + 7 days = Good Friday, 3 April 2026.
    const beforeEaster = new Date('2026-03-27T08:00:00Z');
    expect(unwrap(answerDeadline(rules, undefined, beforeEaster)).toISOString()).toBe('2026-04-07T20:59:59.000Z');
  });

  it('five working days over May Day are more than a week', () => {
    const beforeMayDay = new Date('2026-04-29T08:00:00Z');
    expect(unwrap(answerDeadline(consultation, undefined, beforeMayDay)).toISOString()).toBe(
      '2026-05-07T20:59:59.000Z',
    );
  });

  it('a later day that the asker wishes gives more time', () => {
    expect(unwrap(answerDeadline(rules, '2026-03-20', monday)).toISOString()).toBe('2026-03-20T21:59:59.000Z');
  });

  it('an earlier day that the asker wishes takes none', () => {
    expect(unwrap(answerDeadline(rules, '2026-03-04', monday)).toISOString()).toBe('2026-03-09T21:59:59.000Z');
  });

  it('a day that is over is refused', () => {
    expect(codeOf('2026-03-01', monday)).toBe('DEADLINE_PASSED');
    expect(codeOf('2026-03-02', monday)).toBe('ok');
  });

  it('a day beyond the limit by law is refused', () => {
    expect(codeOf('2026-04-03', monday)).toBe('DEADLINE_INVALID');
  });
});

describe('the period of a question', () => {
  const question = { kind: 'request', purpose: 'plan' } as const;

  it.each([
    ['an ordinary question', question, 'normal'],
    ['an urgent question', { ...question, urgency: 'urgent' }, 'urgent'],
    ['a consultation of the county', { ...question, kind: 'consultation' }, 'consultation'],
    ['a request for a consultation', { ...question, purpose: 'consultation' }, 'consultation'],
    ["the client's own request", { ...question, purpose: 'own-request' }, 'data-subject-request'],
    [
      "the client's own request, urgent",
      { ...question, purpose: 'own-request', urgency: 'urgent' },
      'data-subject-request',
    ],
  ] as const)('of %s', (_, context, period) => {
    expect(periodOf(context)).toBe(period);
  });
});
