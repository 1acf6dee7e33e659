import { describe, expect, it } from '@jest/globals';
import { remedy } from './content.js';
import { disclosedBy, parseContent } from './parse-content.js';

const officer = { name: 'Aino', title: 'asiantuntija', unit: 'Kotoutumispalvelut' };
const request = {
  type: 'request',
  categories: [11],
  purpose: 'plan',
  necessity: 'Suunnitelma',
  caseNumber: '1',
  officer,
};
const given = { category: 11, outcome: 'given', content: {}, asOf: '2026-11-22', source: 'Rekisteri' };
const refused = {
  category: 13,
  outcome: 'refused',
  reason: 'too-broad',
  provisions: ['2016/679-5.1.c'],
  text: remedy,
  remedy,
};

describe('content of a kind of message', () => {
  it.each([
    ['request', request],
    ['consultation', { ...request, period: { from: '2026-01-01', to: '2026-06-30' } }],
    ['answer', { type: 'answer', items: [given, refused] }],
    ['refusal', { type: 'refusal', items: [{ ...refused, holder: 'K-049' }] }],
    ['clarification', { type: 'clarification', question: 'Mitä?', officer }],
    ['referral', { type: 'referral', reason: 'Siirto', items: [given], caseNumber: '1', officer }],
    ['notice', { type: 'pseudonym-key', token: 'x' }],
  ])('is taken for a %s', (kind, content) => {
    expect(parseContent(kind, content)).toMatchObject({ ok: true });
  });

  it('may have members that a newer agent adds', () => {
    expect(parseContent('request', { ...request, later: true })).toMatchObject({ ok: true });
  });

  it.each([
    ['the content of another kind', 'answer', request],
    ['a kind that carries none', 'withdrawal-notice', request],
    ['a request without its necessity', 'request', { ...request, necessity: '' }],
    ['a request by nobody', 'request', { ...request, officer: { name: 'Aino' } }],
    ['a day that is none', 'request', { ...request, period: { from: 'yesterday', to: '2026-06-30' } }],
    ['an item with another outcome', 'answer', { type: 'answer', items: [{ ...given, outcome: 'perhaps' }] }],
    ['a refusal without the remedy', 'refusal', { type: 'refusal', items: [{ ...refused, remedy: undefined }] }],
    ['a holder that is no agency', 'refusal', { type: 'refusal', items: [{ ...refused, holder: 'somebody' }] }],
    ['more items than there are categories', 'answer', { type: 'answer', items: Array(65).fill(given) }],
    ['nothing', 'request', null],
  ])('is refused: %s', (_name, kind, content) => {
    const parsed = parseContent(kind, content);
    expect(parsed).toMatchObject({ ok: false, error: { code: 'SCHEMA_INVALID', details: { kind } } });
  });
});

describe('what a content discloses', () => {
  it('is what was given or said not to be on record, sorted', () => {
    const noRecord = { category: 4, outcome: 'no-record', asOf: '2026-11-22', source: 'Rekisteri' } as const;
    const items = [given, refused, noRecord] as never;
    expect(disclosedBy({ type: 'answer', items } as never)).toEqual([4, 11]);
  });

  it('is nothing in a request', () => {
    expect(disclosedBy(request as never)).toEqual([]);
  });
});
