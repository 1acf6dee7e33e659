import { beforeAll, describe, expect, it } from '@jest/globals';
import { unwrap } from '#kernel';
import { type Party, codeOf, partyOf, requestFrom, someHash, statuteBasis } from './envelope.fixture.js';
import { type MessageContext, type MessageKind, contextHash, kindRules, messageKinds, parseContext } from './index.js';

const consentBasis = (categories: number[]) => ({
  ...statuteBasis(categories),
  secrecyLift: { consent: { id: '6f1c1d7e-56a5-4a3c-9e8b-00000000000c', version: 2 } },
});

describe('context', () => {
  let base: MessageContext;

  beforeAll(async () => {
    const [sender, recipient]: Party[] = await Promise.all([partyOf('K-235'), partyOf('H-03')]);
    if (sender === undefined || recipient === undefined) throw new Error('two parties');
    base = requestFrom(sender, recipient);
  });

  const parse = (changes: object): string => codeOf(parseContext({ ...base, ...changes }));

  it('is given back as it is', () => expect(unwrap(parseContext(base))).toEqual(base));

  it('has one hash whatever the order of its members', () => {
    const reversed = Object.fromEntries(Object.entries(base).reverse()) as unknown as MessageContext;
    expect(contextHash(reversed)).toBe(contextHash(base));
  });

  it('names the member that is wrong, never its value', () => {
    const parsed = parseContext({ ...base, subjects: ['131052-9074'] });
    expect(parsed).toMatchObject({ error: { details: { field: 'subjects[0]' } } });
    expect(JSON.stringify(parsed)).not.toContain('131052');
  });

  it.each([
    'v',
    'suite',
    'messageId',
    'exchangeId',
    'kind',
    'sender',
    'recipient',
    'recipientKey',
    'subjects',
    'purpose',
  ])('needs %s', (member) => {
    const without = Object.fromEntries(Object.entries(base).filter(([name]) => name !== member));
    expect(codeOf(parseContext(without))).toBe('MALFORMED');
  });

  it.each([
    ['another version', { v: 2 }],
    ['another suite', { suite: 'KV2' }],
    ['an unknown member', { extra: 1 }],
    ['an undefined member', { urgency: undefined }],
    ['a message id that is no UUID', { messageId: 'abc' }],
    ['a message id in capitals', { messageId: '6F1C1D7E-56A5-4A3C-9E8B-000000000001' }],
    ['an unknown kind', { kind: 'order' }],
    ['a kind of the prototype', { kind: 'constructor' }],
    ['itself as recipient', { recipient: 'K-235' }],
    ['categories out of order', { categories: [12, 11] }],
    ['a category twice', { categories: [11, 11] }],
    ['a category that is no number', { categories: ['11'] }],
    ['no category', { categories: [], basis: [] }],
    ['a subject twice', { subjects: [`p1.${'a'.repeat(43)}`, `p1.${'a'.repeat(43)}`] }],
    ['exp before iat', { exp: 1 }],
    ['a fraction of a second', { iat: 1.5 }],
    ['an attachment', { blobs: [{}] }],
    ['a date that does not exist', { deadline: '2026-02-30' }],
    ['an instant as deadline', { deadline: '2026-02-03T00:00:00Z' }],
    ['an unknown urgency', { urgency: 'now' }],
    ['white space in the purpose', { purpose: 'plan review' }],
  ])('refuses %s', (_name, change) => expect(parse(change)).toBe('MALFORMED'));

  it.each([
    ['consent and statute side by side', { basis: [statuteBasis([11]), consentBasis([12])] }],
    ['a deadline', { deadline: '2026-12-24' }],
    ['urgency', { urgency: 'urgent' }],
    ['a question that it follows', { inReplyTo: someHash('c') }],
  ])('takes %s', (_name, change) => expect(parse(change)).toBe('OK'));

  describe('basis', () => {
    it.each([
      ['a category without', [statuteBasis([11])]],
      ['none at all', []],
      ['a category in two items', [statuteBasis([11, 12]), consentBasis([12])]],
      ['a category that is not asked for', [statuteBasis([11, 12, 13])]],
      ['an item without category', [statuteBasis([11, 12]), statuteBasis([])]],
      [
        'both lifts at once',
        [
          {
            ...statuteBasis([11, 12]),
            secrecyLift: { ...statuteBasis([]).secrecyLift, ...consentBasis([]).secrecyLift },
          },
        ],
      ],
      ['no lift', [{ categories: [11, 12], processing: { sender: 'x', recipient: 'y' } }]],
      [
        'a version of zero',
        [{ ...statuteBasis([11, 12]), secrecyLift: { statute: { id: '621/1999-26', version: 0 } } }],
      ],
      ['no list', {}],
    ])('refuses %s', (_name, basis) => expect(parse({ basis })).toBe('BASIS_MALFORMED'));
  });

  describe('kinds', () => {
    const ofKind = (kind: MessageKind, changes: object = {}): string =>
      parse({ kind, inReplyTo: someHash('d'), ...(kindRules[kind].needsBasis ? {} : { basis: [] }), ...changes });

    it.each(messageKinds)('%s has its row in the table', (kind) => expect(ofKind(kind)).toBe('OK'));

    it.each(messageKinds.filter((kind) => kindRules[kind].needsBasis))('%s needs a basis', (kind) => {
      expect(ofKind(kind, { basis: [] })).toBe('BASIS_MALFORMED');
    });

    it.each(messageKinds.filter((kind) => !kindRules[kind].needsBasis))('%s states none', (kind) => {
      expect(ofKind(kind, { basis: [statuteBasis([11, 12])] })).toBe('BASIS_MALFORMED');
      expect(ofKind(kind, { categories: [] })).toBe('OK');
    });

    it.each(['answer', 'refusal', 'clarification'] as const)('%s names what it replies to', (kind) => {
      expect(ofKind(kind, { inReplyTo: undefined })).toBe('MALFORMED');
    });

    it('only who asks states urgency and deadline', () => {
      for (const kind of messageKinds) {
        const expected = ['request', 'consultation'].includes(kind) ? 'OK' : 'MALFORMED';
        expect(ofKind(kind, { urgency: 'normal' })).toBe(expected);
        expect(ofKind(kind, { deadline: '2026-12-24' })).toBe(expected);
      }
    });

    it('exactly the disclosing kinds count as use', () => {
      const counting = messageKinds.filter((kind) => kindRules[kind].countsAsUse);
      expect(counting).toEqual(['answer', 'referral', 'transfer']);
    });
  });
});
