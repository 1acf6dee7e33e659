import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseContext } from './index.js';

const seed = 20_260_612;

const sound = {
  v: 1,
  suite: 'KV1',
  messageId: '6f1c1d7e-56a5-4a3c-9e8b-000000000001',
  exchangeId: '6f1c1d7e-56a5-4a3c-9e8b-000000000002',
  kind: 'notice',
  sender: 'K-235',
  recipient: 'H-03',
  recipientKey: 'A'.repeat(43),
  subjects: [],
  purpose: 'guidance',
  categories: [],
  basis: [],
  iat: 1,
  exp: 2,
  blobs: [],
};
const codes = ['MALFORMED', 'BASIS_MALFORMED'];

describe('parseContext, by property', () => {
  it('is total over JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const parsed = parseContext(value);
        expect(parsed.ok ? parsed.value : codes.includes(parsed.error.code)).toBeTruthy();
      }),
      { seed, numRuns: 2_000 },
    );
  });

  it('is total over values that JSON does not know', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
        (value) => {
          expect(parseContext(value).ok).toBe(false);
        },
      ),
      { seed, numRuns: 2_000 },
    );
  });

  it('takes a sound context with any one member replaced only if the replacement is of its shape', () => {
    const member = fc.constantFrom(...Object.keys(sound));
    expect(parseContext(sound).ok).toBe(true);
    fc.assert(
      fc.property(member, fc.jsonValue(), (name, value) => {
        const parsed = parseContext({ ...sound, [name]: value });
        if (parsed.ok) expect(typeof value).toBe(typeof sound[name as keyof typeof sound]);
        else expect(codes).toContain(parsed.error.code);
      }),
      { seed, numRuns: 3_000 },
    );
  });

  it('takes no member beside its own', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), (name, value) => {
        const optional = ['inReplyTo', 'urgency', 'deadline'];
        fc.pre(!Object.hasOwn(sound, name) && !optional.includes(name));
        const extended = Object.defineProperty({ ...sound }, name, { value, enumerable: true });
        expect(parseContext(extended).ok).toBe(false);
      }),
      { seed, numRuns: 500 },
    );
  });
});
