import { describe, expect, it } from '@jest/globals';
import type { MessageContext, MessageKind } from '#envelope';
import { type Pseudonym, agencyId } from '#kernel';
import type { Queryable } from '#messaging';
import { type QuotaCounts, SubmissionQuotas } from './submission-quotas.js';

const now = new Date('2026-03-02T10:30:00Z');
const about = (sender: string, subjects: string | string[], kind: MessageKind = 'request'): MessageContext =>
  ({ sender: agencyId(sender), kind, subjects: [subjects].flat() as Pseudonym[] }) as MessageContext;

/** Answers the look-up of counts with these. */
const storing = (...rows: readonly object[]): Queryable => ({
  query: () => Promise.resolve({ rows } as never),
});

const taken = (counts: QuotaCounts, context: MessageContext): string => {
  const result = counts.take(context);
  return result.ok ? 'taken' : result.error.code;
};

describe('quotas', () => {
  const limits = { agencyPerHour: 4, subjectPerDay: 2, subjectsPerDay: 3 };
  const read = (contexts: readonly MessageContext[], changed: Partial<typeof limits> = {}, ...rows: object[]) =>
    new SubmissionQuotas({ ...limits, ...changed }).read(storing(...rows), contexts, now);

  it('let an agency ask so many times about one person in a day', async () => {
    const context = about('K-235', 'p1.a');
    const counts = await read([context]);
    expect([1, 2, 3].map(() => taken(counts, context))).toEqual(['taken', 'taken', 'SUBJECT_QUOTA_EXCEEDED']);
  });

  it('let an agency ask about so many different persons in a day, and go on asking about those', async () => {
    const people = ['p1.a', 'p1.b', 'p1.c', 'p1.d'].map((subject) => about('K-235', subject));
    const counts = await read(people, { agencyPerHour: 100 });
    expect(people.map((context) => taken(counts, context))).toEqual([
      'taken',
      'taken',
      'taken',
      'ENUMERATION_QUOTA_EXCEEDED',
    ]);
    expect(taken(counts, people[0]!)).toBe('taken');
  });

  it('count each person of a family, and none of them when the family is too many', async () => {
    const [pair, three, single] = [['p1.a', 'p1.b'], ['p1.c', 'p1.d', 'p1.e'], 'p1.c'].map((one) =>
      about('K-235', one),
    );
    const counts = await read([pair!, three!, single!]);
    expect([pair!, three!, single!].map((context) => taken(counts, context))).toEqual([
      'taken',
      'ENUMERATION_QUOTA_EXCEEDED',
      'taken',
    ]);
  });

  it('let an agency send so much in an hour, whomever it is about', async () => {
    const contexts = ['p1.a', 'p1.a', 'p1.b', 'p1.b', 'p1.c'].map((subject) => about('K-235', subject));
    const counts = await read(contexts);
    expect(contexts.map((context) => taken(counts, context)).at(-1)).toBe('RATE_LIMITED');
  });

  it('leave the counts of persons alone where the agency only replies', async () => {
    const [reply, question] = [about('H-03', 'p1.a', 'answer'), about('H-03', 'p1.a')];
    const counts = await read([reply, question]);
    expect([reply, reply, question, question].map((context) => taken(counts, context))).toEqual(
      Array.from({ length: 4 }, () => 'taken'),
    );
  });

  it('count a notice like a question, or one could make somebody known first and ask freely then', async () => {
    const people = ['p1.a', 'p1.b', 'p1.c', 'p1.d'].map((subject) => about('K-235', subject, 'notice'));
    const counts = await read(people);
    expect(taken(counts, people[0]!)).toBe('taken');
    expect(people.slice(1).map((context) => taken(counts, context))).toContain('ENUMERATION_QUOTA_EXCEEDED');
  });

  it('do not count one agency against another', async () => {
    const [own, other] = [about('K-235', 'p1.a'), about('K-091', 'p1.a')];
    const counts = await read([own, other]);
    expect([own, own, own, other].map((context) => taken(counts, context))).toEqual([
      'taken',
      'taken',
      'SUBJECT_QUOTA_EXCEEDED',
      'taken',
    ]);
  });

  it.each([
    ['a person', 'p1.a', '2026-03-02T00:00:00Z', 2, 'SUBJECT_QUOTA_EXCEEDED', 13.5 * 3_600],
    ['different persons', '*', '2026-03-02T00:00:00Z', 3, 'ENUMERATION_QUOTA_EXCEEDED', 13.5 * 3_600],
    ['the agency', '', '2026-03-02T10:00:00Z', 4, 'RATE_LIMITED', 1_800],
  ])('go on from what was counted before for %s, and tell when the window ends', async (...given) => {
    const [, subject, start, count, code, retryAfter] = given;
    const context = about('K-235', 'p1.a');
    const stored = { agency: 'K-235', subject, window_start: new Date(start), count };
    const counts = await read([context], {}, stored);
    expect(counts.take(context)).toEqual({ ok: false, error: { code, retryAfter } });
    expect(counts.added()).toEqual([]);
  });
});
