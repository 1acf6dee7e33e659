import { describe, expect, it } from '@jest/globals';
import type { MessageContext } from '#envelope';
import { type Pseudonym, agencyId } from '#kernel';
import type { Queryable } from '#messaging';
import type { Judged } from './judge-submissions.js';
import { SubmissionQuotas } from './submission-quotas.js';

const now = new Date('2026-03-02T10:30:00Z');
const about = (sender: string, subject: string): MessageContext =>
  ({ sender: agencyId(sender), subjects: [subject as Pseudonym] }) as MessageContext;
const soundOf = (context: MessageContext): Judged => ({ verdict: 'sound', manifest: { context } }) as Judged;

/** Answers the look-up of counts with these. */
const storing = (...rows: readonly object[]): Queryable => ({
  query: () => Promise.resolve({ rows } as never),
});

describe('quotas', () => {
  const limits = { agencyPerHour: 3, subjectPerDay: 2 };

  it('let an agency send so many messages about one person in a day', async () => {
    const context = about('K-235', 'p1.a');
    const counts = await new SubmissionQuotas(limits).read(storing(), [soundOf(context)], now);
    expect([counts.take(context), counts.take(context), counts.take(context)]).toEqual([true, true, false]);
  });

  it('count each person apart, and all of them together for the agency', async () => {
    const people = ['p1.a', 'p1.b', 'p1.c', 'p1.d'].map((subject) => about('K-235', subject));
    const counts = await new SubmissionQuotas(limits).read(storing(), people.map(soundOf), now);
    expect(people.map((context) => counts.take(context))).toEqual([true, true, true, false]);
  });

  it('do not count one agency against another', async () => {
    const own = about('K-235', 'p1.a');
    const other = about('K-091', 'p1.a');
    const counts = await new SubmissionQuotas(limits).read(storing(), [own, other].map(soundOf), now);
    counts.take(own);
    counts.take(own);
    expect([counts.take(own), counts.take(other)]).toEqual([false, true]);
  });

  it('go on from what was counted before', async () => {
    const context = about('K-235', 'p1.a');
    const stored = { agency: 'K-235', subject: 'p1.a', window_start: new Date('2026-03-02T00:00:00Z'), count: 2 };
    const counts = await new SubmissionQuotas(limits).read(storing(stored), [soundOf(context)], now);
    expect(counts.take(context)).toBe(false);
    expect(counts.added()).toEqual([]);
  });
});
