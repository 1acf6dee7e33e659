import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, sha256 } from '#kernel';
import { factDigest } from './index.js';

describe('the digest of a fact', () => {
  const word = fc.option(fc.string({ unit: 'binary' }), { nil: undefined });
  const facts = fc.record({
    eventId: word,
    type: word,
    at: word,
    exchangeId: word,
    seq: fc.option(fc.nat(), { nil: undefined }),
    messageId: word,
    manifestHash: word,
    sender: word,
    recipient: word,
    actor: fc.option(fc.record({ worker: fc.string(), agency: fc.string() }), { nil: undefined }),
    subjects: fc.option(fc.array(fc.string({ unit: 'binary' })), { nil: undefined }),
    categories: fc.option(fc.array(fc.nat()), { nil: undefined }),
    purpose: word,
    code: word,
    consent: fc.option(fc.record({ version: fc.nat(), id: fc.string() }), { nil: undefined }),
  });

  it('is that of its canonical JSON', () => {
    fc.assert(
      fc.property(facts, (fact) => {
        const said = Object.fromEntries(Object.entries(fact).filter(([, value]) => value !== undefined));
        expect(factDigest(fact)).toBe(sha256(canonicalJson(said)));
      }),
    );
  });

  it('is of what the producer says, and not of what audit adds', () => {
    const fact = { type: 'message-accepted', sender: 'K-235' };
    expect(factDigest({ ...fact, ...{ assertedBy: 'hub', v: 1 } })).toBe(factDigest(fact));
    expect(factDigest({ ...fact, sender: 'K-091' })).not.toBe(factDigest(fact));
  });
});
