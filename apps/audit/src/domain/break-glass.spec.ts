import { describe, expect, it } from '@jest/globals';
import type { BreakGlassOpening } from '#envelope';
import { type Pseudonym, type Result, type Sha256, agencyId } from '#kernel';
import {
  type BreakGlassAccess,
  type BreakGlassRule,
  judgeLook,
  judgeOpening,
  judgeReview,
  stateOf,
} from './break-glass.js';

const now = new Date('2026-06-10T09:00:00Z');
const rule: BreakGlassRule = {
  id: 'break-glass',
  mostMinutes: 60,
  mostEntries: 10,
  lookbackDays: 90,
  mostUnreviewed: 2,
  reasons: [{ id: 'data-breach' }],
};
const [city, county, ombudsman] = [agencyId('K-235'), agencyId('H-03'), agencyId('A-TSV')];
const codeOf = (result: Result<unknown>): string => (result.ok ? 'OK' : result.error.code);

describe('access in an emergency is opened', () => {
  const open = (said: Partial<BreakGlassOpening> = {}, unreviewed = 0): Result<Date> =>
    judgeOpening(
      rule,
      { agency: city, scope: { by: 'agency', agency: county }, reason: 'data-breach', minutes: 30, ...said },
      { unreviewed, now },
    );

  it('for the time that was asked for', () => {
    expect(open()).toEqual({ ok: true, value: new Date('2026-06-10T09:30:00Z') });
    expect(codeOf(open({ minutes: 60 }))).toBe('OK');
  });

  it.each<[string, string, Partial<BreakGlassOpening>, number]>([
    ['for a longer time than the rules have', 'MALFORMED', { minutes: 61 }, 0],
    ['for a reason that the rules do not have', 'REASON_UNKNOWN', { reason: 'curiosity' }, 0],
    ['to the own entries', 'MALFORMED', { scope: { by: 'agency', agency: city } }, 0],
    ['by a supervising authority, which searches', 'FORBIDDEN', { agency: ombudsman }, 0],
    ['with as many unreviewed ones as the rules have', 'REVIEW_NEEDED', {}, 2],
  ])('never %s', (_name, code, said, unreviewed) => {
    expect(codeOf(open(said, unreviewed))).toBe(code);
  });

  it('with one less unreviewed, and to a person’s entries', () => {
    expect(codeOf(open({}, 1))).toBe('OK');
    const subject = `p1.${'A'.repeat(43)}` as Pseudonym;
    expect(codeOf(open({ scope: { by: 'subject', subject } }))).toBe('OK');
  });
});

const access: BreakGlassAccess = {
  grant: 'A'.repeat(43) as Sha256,
  agency: city,
  worker: 'w-1',
  concerned: county,
  subject: null,
  reason: 'data-breach',
  matter: 'Dnro 1',
  openedAt: now,
  endsAt: new Date(now.getTime() + 60_000),
  mostEntries: 10,
  shown: 4,
  told: [],
  alert: '0'.repeat(32),
  logged: true,
  reviewedBy: null,
  reviewedAt: null,
  finding: null,
};

describe('a look by it', () => {
  const look = (state: Partial<BreakGlassAccess> = {}, worker = 'w-1', at = now): Result<number> =>
    judgeLook({ ...access, ...state }, { agency: city, supervising: false, worker }, at);

  it('shows what is left of its entries', () => {
    expect(look()).toEqual({ ok: true, value: 6 });
  });

  it.each<[string, string, () => Result<number>]>([
    ['at its end', 'ACCESS_ENDED', () => look({}, 'w-1', access.endsAt)],
    ['when its entries are used up', 'ACCESS_ENDED', () => look({ shown: 10 })],
    ['before its opening stands in the log', 'ACCESS_ENDED', () => look({ logged: false })],
    ['after its review', 'ACCESS_ENDED', () => look({ reviewedAt: now, reviewedBy: ombudsman, finding: 'justified' })],
    ['by somebody else than who opened it', 'FORBIDDEN', () => look({}, 'w-2')],
  ])('is refused %s', (_name, code, asked) => {
    expect(codeOf(asked())).toBe(code);
  });

  it('is possible until a moment before its end', () => {
    expect(codeOf(look({}, 'w-1', new Date(access.endsAt.getTime() - 1)))).toBe('OK');
    expect(stateOf(access, access.endsAt)).toBe('ended');
  });
});

describe('its review', () => {
  it.each([
    ['is a supervising authority’s', ombudsman, 'OK'],
    ['is never the user’s own', city, 'SAME_HAND'],
    ['is never that of the agency whose entries were shown', county, 'FORBIDDEN'],
  ])('%s', (_name, reviewer, code) => {
    expect(codeOf(judgeReview(access, reviewer))).toBe(code);
  });
});
