import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { canonicalJson, sha256, unwrap } from '#kernel';
import {
  type Party,
  codeOf,
  forgedJwe,
  headerOf,
  malleated,
  partsOf,
  partyOf,
  requestFrom,
  sealed,
  someHash,
  statuteBasis,
  subject,
} from './envelope.fixture.js';
import {
  type MessageContext,
  type SealedMessage,
  checkCapsule,
  checkParts,
  contextHash,
  openCapsule,
  openMessage,
  readManifest,
  sealMessage,
  verifyManifest,
} from './index.js';
import { signManifest } from './manifest.js';
import { signJws } from './compact-jws.js';
import { sealCapsule } from './capsule.js';
import { sealTo, sealUnder } from './compact-jwe.js';

describe('sealed message', () => {
  let kauniainen: Party;
  let county: Party;
  let kela: Party;
  let audit: Party;

  beforeAll(async () => {
    [kauniainen, county, kela, audit] = await Promise.all([
      partyOf('K-235'),
      partyOf('H-03', { crv: 'P-256' }),
      partyOf('L-KELA', { alg: 'EdDSA' }),
      partyOf('E-AUDIT'),
    ]);
  });

  const toCounty = (changes?: Partial<MessageContext>): Promise<SealedMessage> =>
    sealed({ sender: kauniainen, recipient: county, audit, changes });
  const contentKeyOf = async (message: SealedMessage): Promise<Buffer> =>
    unwrap(await openCapsule(message.capsule, audit.receiving)).contentKey;
  const open = async (message: SealedMessage, changes: Partial<Parameters<typeof openMessage>[0]> = {}) =>
    openMessage({
      ...message,
      contentKey: await contentKeyOf(message),
      receivingKey: county.receiving,
      senderKey: kauniainen.verification,
      ...changes,
    });

  /** What a hostile sender can do: any inside, under a manifest that fits the outside. */
  async function handmade(payload: object, context: MessageContext, innerSigner: Party): Promise<SealedMessage> {
    const contentKey = randomBytes(64);
    const inner = sealTo('inner', Buffer.from(signJws('inner', payload, innerSigner.signing)), county.recipient);
    const outer = sealUnder('outer', Buffer.from(inner), contentKey);
    const outerHash = sha256(outer);
    const capsule = await sealCapsule({ contentKey, contextHash: contextHash(context), outerHash }, audit.recipient);
    const manifest = await signManifest({ context, outerHash, capsuleHash: sha256(capsule) }, kauniainen.signing);
    return { manifest, capsule, outer, manifestHash: unwrap(readManifest(manifest)).manifestHash };
  }

  describe('the way it is meant to go', () => {
    it('opens to the same content for the recipient, whichever algorithms the parties use', async () => {
      for (const sender of [kauniainen, kela]) {
        const message = await sealed({
          sender,
          recipient: county,
          audit,
          content: { necessity: 'tarpeen', list: [1, null] },
        });
        const opened = unwrap(await open(message, { senderKey: sender.verification }));
        expect(opened.content).toEqual({ necessity: 'tarpeen', list: [1, null] });
        expect(opened.subjects).toEqual([subject]);
        expect(opened.context).toEqual(requestFrom(sender, county));
      }
    });

    it('may concern nobody in particular', async () => {
      const message = await toCounty({ subjects: [] });
      expect(unwrap(await open(message)).subjects).toEqual([]);
    });

    it('names the message by the signed text', async () => {
      const message = await toCounty();
      const signingInput = message.manifest.slice(0, message.manifest.lastIndexOf('.'));
      expect(message.manifestHash).toBe(sha256(signingInput));
      expect(unwrap(await verifyManifest(message.manifest, kauniainen.verification)).manifestHash).toBe(
        message.manifestHash,
      );
    });

    it('is read without cryptography exactly as verified', async () => {
      const { manifest } = await toCounty();
      expect(readManifest(manifest)).toEqual(await verifyManifest(manifest, kauniainen.verification));
    });

    it('is the same manifest each time it is read, which nobody can change', async () => {
      const { manifest } = await toCounty();
      const read = unwrap(readManifest(manifest));
      expect(unwrap(await verifyManifest(manifest, kauniainen.verification))).toBe(read);
      expect(Object.isFrozen(read.context.categories)).toBe(true);
    });

    it('verified with one key is not verified with another one', async () => {
      const { manifest } = await toCounty();
      unwrap(await verifyManifest(manifest, kauniainen.verification));
      const stranger = { ...county.verification, kid: kauniainen.verification.kid };
      expect(codeOf(await verifyManifest(manifest, kela.verification))).toBe('SIGNATURE_INVALID');
      expect(codeOf(await verifyManifest(manifest, stranger))).toBe('SIGNATURE_INVALID');
    });

    it('uses a fresh content key each time', async () => {
      const [first, second] = [await toCounty(), await toCounty()];
      expect(await contentKeyOf(first)).not.toEqual(await contentKeyOf(second));
      expect(first.outer).not.toBe(second.outer);
    });

    it('shows identity and content in none of its three parts', async () => {
      const message = await sealed({
        sender: kauniainen,
        recipient: county,
        audit,
        content: { canary: 'kanarialintu' },
      });
      const visible = [message.manifest, message.capsule, message.outer]
        .flatMap((token) => token.split('.'))
        .map((segment) => Buffer.from(segment, 'base64url').toString('latin1'))
        .join();
      for (const secret of [subject.value, 'kanarialintu', 'Testi']) expect(visible).not.toContain(secret);
    });
  });

  describe('what the sender may not seal', () => {
    const seal = async (changes: Partial<Parameters<typeof sealMessage>[0]>) =>
      codeOf(
        await sealMessage({
          context: requestFrom(kauniainen, county),
          subjects: [subject],
          content: {},
          signingKey: kauniainen.signing,
          recipientKey: county.recipient,
          releaseKey: audit.recipient,
          ...changes,
        }),
      );

    it('content of 32 KiB passes and one byte more does not', async () => {
      const fill = 32 * 1024 - canonicalJson({ text: '' }).length;
      expect(await seal({ content: { text: 'x'.repeat(fill) } })).toBe('OK');
      expect(await seal({ content: { text: 'x'.repeat(fill + 1) } })).toBe('CONTENT_TOO_LARGE');
    });

    it('the largest message of all fits in 128 KiB', async () => {
      const categories = Array.from({ length: 64 }, (_, index) => index + 900);
      const items = Array.from({ length: 16 }, (_, index) => statuteBasis(categories.slice(index * 4, index * 4 + 4)));
      const message = await sealed({
        sender: kauniainen,
        recipient: county,
        audit,
        changes: { categories, basis: items },
        content: { text: 'x'.repeat(32 * 1024 - 11) },
      });
      expect(message.manifest.length + message.capsule.length + message.outer.length).toBeLessThanOrEqual(128 * 1024);
      expect(codeOf(await open(message))).toBe('OK');
    });

    it('counts bytes, not characters', async () => {
      expect(await seal({ content: { text: 'ä'.repeat(20_000) } })).toBe('CONTENT_TOO_LARGE');
    });

    it('to another key than the context names', async () => {
      expect(await seal({ recipientKey: kela.recipient })).toBe('MALFORMED');
    });

    it('about other subjects than the context names', async () => {
      expect(await seal({ subjects: [] })).toBe('MALFORMED');
    });

    it('what JSON cannot carry', async () => {
      expect(await seal({ content: { figure: Number.NaN } })).toBe('MALFORMED');
    });
  });

  describe('manifest and parts', () => {
    it('a changed outer does not fit', async () => {
      const [message, other] = [await toCounty(), await toCounty()];
      const manifest = unwrap(readManifest(message.manifest));
      expect(codeOf(checkParts(manifest, message))).toBe('OK');
      expect(codeOf(checkParts(manifest, { ...message, outer: other.outer }))).toBe('HASH_MISMATCH');
      expect(codeOf(checkParts(manifest, { ...message, capsule: other.capsule }))).toBe('HASH_MISMATCH');
    });

    it('an ordinary message posted as capsule', async () => {
      const message = await toCounty();
      const ordinary = sealTo('inner', Buffer.from('{}'), audit.recipient);
      const manifest = { ...unwrap(readManifest(message.manifest)), capsuleHash: sha256(ordinary) };
      expect(codeOf(checkParts(manifest, { capsule: ordinary, outer: message.outer }))).toBe('TYP_MISMATCH');
      expect(codeOf(await openCapsule(ordinary, audit.receiving))).toBe('TYP_MISMATCH');
    });

    it('white space in a token', async () => {
      const message = await toCounty();
      const manifest = unwrap(readManifest(message.manifest));
      for (const blank of [' ', '\n', '=', '+', '/']) {
        expect(codeOf(readManifest(message.manifest + blank))).toBe('TOKEN_CHARACTERS');
        expect(codeOf(checkParts(manifest, { ...message, outer: message.outer + blank }))).toBe('TOKEN_CHARACTERS');
        expect(codeOf(checkParts(manifest, { ...message, capsule: message.capsule + blank }))).toBe('TOKEN_CHARACTERS');
      }
    });

    it('another spelling of the same bytes', async () => {
      const { manifest } = await toCounty();
      // 64 bytes of signature end in a character of which four bits are unused.
      const respelled = manifest.slice(0, -1) + String.fromCharCode(manifest.charCodeAt(manifest.length - 1) + 1);
      expect(Buffer.from(respelled.split('.')[2] ?? '', 'base64url')).toEqual(
        Buffer.from(manifest.split('.')[2] ?? '', 'base64url'),
      );
      expect(codeOf(readManifest(respelled))).toBe('TOKEN_CHARACTERS');
    });

    it('the other form of an ES256 signature verifies and keeps the name of the message', async () => {
      const message = await toCounty();
      const other = malleated(message.manifest);
      expect(other).not.toBe(message.manifest);
      expect(unwrap(await verifyManifest(other, kauniainen.verification)).manifestHash).toBe(message.manifestHash);
    });

    it("another agency's key does not verify it", async () => {
      const { manifest } = await toCounty();
      expect(codeOf(await verifyManifest(manifest, county.verification))).toBe('SIGNATURE_INVALID');
      expect(codeOf(await verifyManifest(manifest, kela.verification))).toBe('SIGNATURE_INVALID');
    });

    it('a capsule in the place of the manifest', async () => {
      expect(codeOf(readManifest((await toCounty()).capsule))).toBe('MALFORMED');
    });
  });

  describe('capsule', () => {
    it('opens for audit and fits its message', async () => {
      const message = await toCounty();
      const capsule = unwrap(await openCapsule(message.capsule, audit.receiving));
      expect(capsule.contentKey).toHaveLength(64);
      expect(codeOf(checkCapsule(capsule, unwrap(readManifest(message.manifest))))).toBe('OK');
    });

    it('of another message, put under a manifest of my own', async () => {
      const stolen = await toCounty();
      const context = requestFrom(kela, county);
      const manifest = await signManifest(
        { context, outerHash: sha256(stolen.outer), capsuleHash: sha256(stolen.capsule) },
        kela.signing,
      );
      const mine = unwrap(await verifyManifest(manifest, kela.verification));
      expect(codeOf(checkParts(mine, stolen))).toBe('OK');
      const capsule = unwrap(await openCapsule(stolen.capsule, audit.receiving));
      expect(codeOf(checkCapsule(capsule, mine))).toBe('CAPSULE_MISMATCH');
    });

    it('of the same context with another outer', async () => {
      const [message, other] = [await toCounty(), await toCounty()];
      const capsule = unwrap(await openCapsule(other.capsule, audit.receiving));
      expect(codeOf(checkCapsule(capsule, unwrap(readManifest(message.manifest))))).toBe('CAPSULE_MISMATCH');
    });

    it('sealed to another release key', async () => {
      const { capsule } = await toCounty();
      expect(codeOf(await openCapsule(capsule, kela.receiving))).toBe('RELEASE_KEY_UNKNOWN');
    });

    it('that names the release key and is sealed to another', async () => {
      const header = { alg: 'ECDH-ES', enc: 'A256GCM', kid: audit.receiving.kid, typ: 'kotovayla-capsule+jwe' };
      const forged = await forgedJwe(header, '{}', kela.recipient.publicKey);
      expect(codeOf(await openCapsule(forged, audit.receiving))).toBe('CAPSULE_MISMATCH');
    });

    it('that holds something else', async () => {
      const other = sealTo('capsule', Buffer.from('{"v":1}'), audit.recipient);
      expect(codeOf(await openCapsule(other, audit.receiving))).toBe('CAPSULE_MISMATCH');
    });
  });

  describe('opening', () => {
    it('the hub, which has the content key, cannot open the inside', async () => {
      const message = await toCounty();
      expect(codeOf(await open(message, { receivingKey: audit.receiving }))).toBe('OPENED_MISMATCH');
    });

    it('another recipient cannot, with the content key', async () => {
      const message = await toCounty();
      expect(codeOf(await open(message, { receivingKey: kela.receiving }))).toBe('OPENED_MISMATCH');
    });

    it('the recipient cannot without the content key', async () => {
      expect(codeOf(await open(await toCounty(), { contentKey: randomBytes(64) }))).toBe('OPENED_MISMATCH');
      expect(codeOf(await open(await toCounty(), { contentKey: randomBytes(32) }))).toBe('OPENED_MISMATCH');
    });

    it('an inside signed by somebody else', async () => {
      const context = requestFrom(kauniainen, county);
      const message = await handmade({ context, subjects: [subject], content: {} }, context, kela);
      expect(codeOf(await open(message))).toBe('SIGNATURE_INVALID');
    });

    it('an inside that a recipient passes on as if meant for another', async () => {
      const meantForKela = { ...requestFrom(kauniainen, kela), recipientKey: kela.receiving.kid };
      const inside = { context: meantForKela, subjects: [subject], content: {} };
      const message = await handmade(inside, requestFrom(kauniainen, county), kauniainen);
      expect(codeOf(await open(message))).toBe('OPENED_MISMATCH');
    });

    it.each([
      ['purpose', { purpose: 'guidance' }],
      ['wider categories', { categories: [11, 12, 13], basis: [statuteBasis([11, 12, 13])] }],
      ['another basis', { basis: [{ ...statuteBasis([11, 12]), processing: { sender: 'x', recipient: 'y' } }] }],
      ['a later exp', { exp: 1_799_999_999 }],
      ['another question', { inReplyTo: someHash('b') }],
    ] as const)('an inside that differs in: %s', async (_name, change) => {
      const context = requestFrom(kauniainen, county);
      const inside = { context: { ...context, ...change }, subjects: [subject], content: {} };
      expect(codeOf(await open(await handmade(inside, context, kauniainen)))).toBe('OPENED_MISMATCH');
    });

    it('an inside sealed to another key of the recipient than the manifest names', async () => {
      const context = { ...requestFrom(kauniainen, county), recipientKey: kela.receiving.kid };
      const message = await handmade({ context, subjects: [subject], content: {} }, context, kauniainen);
      expect(codeOf(await open(message))).toBe('OPENED_MISMATCH');
    });

    it('subjects inside that the manifest does not name', async () => {
      const context = requestFrom(kauniainen, county, { subjects: [] });
      const message = await handmade({ context, subjects: [subject], content: {} }, context, kauniainen);
      expect(codeOf(await open(message))).toBe('OPENED_MISMATCH');
    });

    it('content that is no object', async () => {
      const context = requestFrom(kauniainen, county);
      const message = await handmade({ context, subjects: [subject], content: 'text' }, context, kauniainen);
      expect(codeOf(await open(message))).toBe('OPENED_MISMATCH');
    });

    it('an outer of another message', async () => {
      const [message, other] = [await toCounty(), await toCounty()];
      expect(codeOf(await open(message, { outer: other.outer, capsule: undefined }))).toBe('HASH_MISMATCH');
    });

    it("puts the recipient's key thumbprint into the inner layer's header", async () => {
      const token = sealTo('inner', Buffer.from('x'), county.recipient);
      expect(headerOf(token)).toMatchObject({ kid: county.receiving.kid, typ: 'kotovayla-inner+jwe' });
      expect(partsOf((await toCounty()).manifest).header).toEqual({
        alg: 'ES256',
        kid: kauniainen.signing.kid,
        typ: 'kotovayla-manifest+jws',
      });
    });
  });
});
