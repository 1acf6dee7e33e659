import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { unwrap } from '#kernel';
import { type Party, codeOf, partyOf, sealed } from './envelope.fixture.js';
import {
  type JsonObject,
  type SealedMessage,
  checkCapsule,
  checkParts,
  openCapsule,
  openMessage,
  readManifest,
  verifyManifest,
} from './index.js';

const seed = 20_260_611;
const tokenAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.';

describe('sealed message, by property', () => {
  let parties: readonly Party[];
  let audit: Party;
  let message: SealedMessage;

  beforeAll(async () => {
    audit = await partyOf('E-AUDIT');
    parties = await Promise.all([
      partyOf('K-235'),
      partyOf('H-03', { crv: 'P-256' }),
      partyOf('T-01', { alg: 'EdDSA' }),
      partyOf('L-KELA', { alg: 'EdDSA', crv: 'P-256' }),
    ]);
    message = await sealed({ sender: partyAt(0), recipient: partyAt(1), audit });
  });

  const partyAt = (index: number): Party => {
    const party = parties[index];
    if (party === undefined) throw new RangeError('no such party');
    return party;
  };

  it('opens to equal content between any two parties', async () => {
    // What JSON can say: −0 and undefined members do not survive any JSON text.
    const content = fc
      .dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), { maxKeys: 8 })
      .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);
    const pair = fc.tuple(fc.nat(3), fc.nat(3)).filter(([from, to]) => from !== to);
    await fc.assert(
      fc.asyncProperty(content, pair, async (original, [from, to]) => {
        const [sender, recipient] = [partyAt(from), partyAt(to)];
        const { manifest, capsule, outer } = await sealed({ sender, recipient, audit, content: original });
        const released = unwrap(await openCapsule(capsule, audit.receiving));
        expect(codeOf(checkCapsule(released, unwrap(readManifest(manifest))))).toBe('OK');
        const opened = await openMessage({
          manifest,
          capsule,
          outer,
          contentKey: released.contentKey,
          receivingKey: recipient.receiving,
          senderKey: sender.verification,
        });
        expect(unwrap(opened).content).toEqual(original);
      }),
      { seed, numRuns: 60 },
    );
  });

  it('any one changed character of any part is found', async () => {
    const change = fc.record({
      part: fc.constantFrom('manifest', 'capsule', 'outer'),
      place: fc.nat(),
      character: fc.constantFrom(...tokenAlphabet),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ part, place, character }) => {
        const token = message[part];
        const index = place % token.length;
        fc.pre(token[index] !== character);
        const changed = { ...message, [part]: token.slice(0, index) + character + token.slice(index + 1) };
        const manifest = await verifyManifest(changed.manifest, partyAt(0).verification);
        expect(manifest.ok && checkParts(manifest.value, changed).ok).toBe(false);
      }),
      { seed, numRuns: 1_000 },
    );
  });

  it('any cut of any part is found', async () => {
    const cut = fc.record({ part: fc.constantFrom('manifest', 'capsule', 'outer'), length: fc.nat() });
    await fc.assert(
      fc.asyncProperty(cut, async ({ part, length }) => {
        const token = message[part];
        const changed = { ...message, [part]: token.slice(0, length % token.length) };
        const manifest = await verifyManifest(changed.manifest, partyAt(0).verification);
        expect(manifest.ok && checkParts(manifest.value, changed).ok).toBe(false);
      }),
      { seed, numRuns: 200 },
    );
  });

  it('any text at all is read without a throw', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){2,4}$/)),
        async (text) => {
          expect(readManifest(text).ok).toBe(false);
          expect((await openCapsule(text, audit.receiving)).ok).toBe(false);
        },
      ),
      { seed, numRuns: 500 },
    );
  });
});
