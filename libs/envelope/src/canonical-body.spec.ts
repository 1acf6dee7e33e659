import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '#kernel';
import { type LogBody, canonicalBody } from './index.js';

/** Whatever stands in it: more than a body may say, in any order of its members. */
const text = fc.string({ unit: 'binary', maxLength: 12 });
const number = fc.oneof(fc.integer(), fc.maxSafeInteger());
const version = fc.record({ id: text, version: number });
const byName = fc.dictionary(fc.stringMatching(/^[a-z][A-Za-z0-9-]{0,9}$/), text, { maxKeys: 5 });
const lift = fc.oneof(
  fc.record({ statute: version }),
  fc.record({ consent: version }),
  fc.record({ consents: fc.array(version, { maxLength: 3 }) }),
);
const members = {
  v: fc.constant(1),
  eventId: text,
  type: text,
  at: text,
  exchangeId: text,
  seq: number,
  messageId: text,
  manifestHash: text,
  sender: text,
  recipient: text,
  actor: fc.record({ worker: text, agency: text }, { requiredKeys: ['agency'] }),
  subjects: fc.array(text, { maxLength: 3 }),
  categories: fc.array(number, { maxLength: 4 }),
  basis: fc.array(
    fc.record({
      secrecyLift: lift,
      processing: fc.record({ sender: text, recipient: text }),
      categories: fc.array(number, { maxLength: 4 }),
    }),
    { maxLength: 3 },
  ),
  purpose: text,
  code: text,
  consent: version,
  evidence: byName,
  search: fc.record(
    { scope: text, query: byName, found: number, first: number, last: number },
    { requiredKeys: ['scope', 'query', 'found'] },
  ),
  differences: fc.array(
    fc.record(
      { kind: text, producer: text, eventId: text, leafIndex: number, type: text, manifestHash: text },
      { requiredKeys: ['kind', 'producer'] },
    ),
    { maxLength: 3 },
  ),
  assertedBy: text,
} satisfies Record<keyof LogBody, unknown>;

const bodies = fc
  .tuple(fc.record(members, { requiredKeys: [] }), fc.infiniteStream(fc.nat()))
  .map(([body, order]) => Object.fromEntries(Object.entries(body).sort(() => (order.next().value % 3) - 1)));

describe('the canonical form of a body', () => {
  it('is that of RFC 8785, whatever it says and in whatever order', () =>
    fc.assert(
      fc.property(bodies, (body) => expect(canonicalBody(body as unknown as LogBody)).toBe(canonicalJson(body))),
    ));
});
