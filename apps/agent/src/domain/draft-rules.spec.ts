import { describe, expect, it } from '@jest/globals';
import { agencyId, unwrap } from '#kernel';
import { referenceCatalogue } from './catalogue.fixture.js';
import {
  type Decision,
  draftOfNoRow,
  leavesByItself,
  mayLeave,
  NOT_DISCLOSED,
  refusedItem,
  releaseTime,
} from './draft-rules.js';

const reasons = referenceCatalogue().refusalReasons;
const reason = (code: string) => reasons.find((candidate) => candidate.code === code)!;
const officer = { name: 'Aino', title: 'sosiaalityöntekijä', unit: 'Aikuissosiaalityö' };
const decision = (by: Decision['by']): Decision => ({
  item: { category: 11, outcome: 'no-record', asOf: '2026-11-22', source: 'register' },
  by,
  at: '2026-11-22T10:00:00Z',
});

describe('who lets a draft leave', () => {
  it('is a person where the catalogue says that a person decides, whatever the adapter may', () => {
    expect(leavesByItself({ autoSend: true }, { decides: true }, undefined)).toBe(false);
  });

  it('is nobody else for an adapter that may send', () => {
    expect(leavesByItself({ autoSend: true }, { decides: false }, undefined)).toBe(true);
    expect(leavesByItself({ autoSend: false }, { decides: false }, undefined)).toBe(false);
  });

  it('is a person for a refusal that must not show whether somebody is a client', () => {
    expect(leavesByItself({ autoSend: true }, { decides: false }, reason(NOT_DISCLOSED))).toBe(false);
    expect(leavesByItself({ autoSend: true }, { decides: false }, reason('consent-missing'))).toBe(true);
  });

  it('refuses an answer in which a register decided what a person must', () => {
    const items = [{ category: 11, decision: decision('register') }];
    expect(mayLeave(items, () => true)).toMatchObject({ ok: false, error: { code: 'APPROVAL_REQUIRED' } });
    expect(mayLeave(items, () => false)).toEqual({ ok: true, value: undefined });
    expect(mayLeave([{ category: 11, decision: decision(officer) }], () => true)).toEqual({
      ok: true,
      value: undefined,
    });
  });

  it('refuses an answer with an undecided category', () => {
    expect(mayLeave([{ category: 11, decision: null }], () => false)).toMatchObject({
      error: { code: 'APPROVAL_REQUIRED', details: { category: 11 } },
    });
  });
});

describe('the words of a refusal', () => {
  it('are the same for somebody unknown and for somebody who is refused by hand', () => {
    const unknown = draftOfNoRow(false, '2026-11-22', 'register');
    if (unknown.outcome !== 'refused') throw new Error('an unknown person was told of');
    const byRegister = unwrap(refusedItem(11, reason(unknown.reason), unknown));
    const byHand = unwrap(refusedItem(11, reason(NOT_DISCLOSED), { provisions: ['812/2000-20'] }));
    expect(JSON.stringify(byRegister)).toBe(JSON.stringify(byHand));
  });

  it('say that the matter can be brought to the authority for decision, and name a provision', () => {
    for (const one of reasons) {
      const holder = one.namesHolder ? { holder: agencyId('K-049') } : {};
      const item = unwrap(refusedItem(11, one, holder));
      if (item.outcome !== 'refused') throw new Error('a refusal that is none');
      expect(item.provisions.length).toBeGreaterThan(0);
      expect(item.remedy.fi).toMatch(/viranomaisen ratkaistavaksi/);
      expect(item.remedy.sv).toMatch(/myndigheten för avgörande/);
    }
  });

  it('name a holder exactly where the reason is that another one holds it', () => {
    expect(refusedItem(13, reason('not-holder'))).toMatchObject({ error: { code: 'MALFORMED' } });
    expect(refusedItem(13, reason('too-broad'), { holder: agencyId('K-049') })).toMatchObject({
      error: { code: 'MALFORMED' },
    });
  });

  it('are a lawful "no" where the basis covers saying so', () => {
    expect(draftOfNoRow(true, '2026-11-22', 'Kela')).toEqual({
      outcome: 'no-record',
      asOf: '2026-11-22',
      source: 'Kela',
    });
  });
});

describe('when an answer leaves', () => {
  const window = { afterSeconds: 3_600, everySeconds: 1_800 };
  const openedAt = new Date('2026-11-22T10:07:13Z');

  it('is at once where it tells nothing that it should not', () => {
    const decidedAt = new Date('2026-11-22T10:09:00Z');
    expect(releaseTime(window, { openedAt, decidedAt, delayed: false })).toEqual(decidedAt);
  });

  it.each(['2026-11-22T10:07:14Z', '2026-11-22T10:31:00Z', '2026-11-22T11:29:59Z'])(
    'is the same moment for a refusal decided at %s, by a register or by hand',
    (decided) => {
      const times = { openedAt, decidedAt: new Date(decided), delayed: true };
      expect(releaseTime(window, times).toISOString()).toBe('2026-11-22T11:30:00.000Z');
    },
  );

  it('is the next full step for a refusal decided after the window', () => {
    const times = { openedAt, decidedAt: new Date('2026-11-23T08:00:01Z'), delayed: true };
    expect(releaseTime(window, times).toISOString()).toBe('2026-11-23T08:30:00.000Z');
  });
});
