import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type AgencyId, canonicalJson, unwrap } from '#kernel';
import { type Party, codeOf, partyOf, requestFrom, sealed, someHash, statuteBasis } from './envelope.fixture.js';
import {
  type Manifest,
  type Permit,
  type ReleaseRequest,
  capsuleKid,
  checkPermit,
  checkReleaseRequest,
  openReleasedKey,
  readManifest,
  readReleaseRequest,
  sealReleasedKey,
  signPermit,
  signPermitRefusal,
  signReleaseRequest,
  verifyPermit,
  verifyPermitRefusal,
  verifyReleaseRequest,
} from './index.js';

const iat = 1_790_000_000;
const at = (offset: number): Date => new Date((iat + offset) * 1000);

describe('release', () => {
  let sender: Party;
  let recipient: Party;
  let consent: Party;
  let manifest: Manifest;
  let request: ReleaseRequest;

  beforeAll(async () => {
    [sender, recipient, consent] = await Promise.all([partyOf('K-235'), partyOf('H-03'), partyOf('E-CONSENT')]);
    const message = await sealed({ sender, recipient, audit: consent });
    expect(unwrap(capsuleKid(message.capsule))).toBe(consent.receiving.kid);
    manifest = unwrap(readManifest(message.manifest));
    request = {
      manifestHash: manifest.manifestHash,
      agency: recipient.agency,
      worker: 'w-17',
      jti: '7c2f6c0a-6f0e-4a52-8d0c-4a4d8b6b1c11',
      iat,
    };
  });

  describe('request', () => {
    it('is read and verified alike', async () => {
      const token = await signReleaseRequest(request, recipient.signing);
      const verified = unwrap(await verifyReleaseRequest(token, recipient.verification));
      expect(verified).toMatchObject(request);
      expect(readReleaseRequest(token)).toEqual({ ok: true, value: { ...verified, kid: recipient.signing.kid } });
    });

    it('signed by somebody else', async () => {
      const token = await signReleaseRequest(request, sender.signing);
      expect(codeOf(await verifyReleaseRequest(token, recipient.verification))).toBe('SIGNATURE_INVALID');
    });

    it.each([
      ['a jti that anybody can guess', { jti: '1' }],
      ['an unknown member', { extra: 1 }],
      ['no worker', { worker: '' }],
    ])('with %s', async (_name, change) => {
      const token = await signReleaseRequest({ ...request, ...change }, recipient.signing);
      expect(codeOf(await verifyReleaseRequest(token, recipient.verification))).toBe('MALFORMED');
    });

    it.each([
      ['fresh', 0, 'OK'],
      ['60 s old', 60, 'OK'],
      ['61 s old', 61, 'RELEASE_REQUEST_INVALID'],
      ['60 s ahead', -60, 'OK'],
      ['61 s ahead', -61, 'RELEASE_REQUEST_INVALID'],
    ])('%s', (_name, offset, code) => {
      const expected = { manifestHash: request.manifestHash, agency: request.agency };
      expect(codeOf(checkReleaseRequest(request, expected, at(offset)))).toBe(code);
    });

    it('for another message, or by another agency', () => {
      const { manifestHash, agency } = request;
      const other = { manifestHash: someHash('e'), agency };
      expect(codeOf(checkReleaseRequest(request, other, at(0)))).toBe('RELEASE_REQUEST_INVALID');
      const stranger = { manifestHash, agency: 'L-KELA' as AgencyId };
      expect(codeOf(checkReleaseRequest(request, stranger, at(0)))).toBe('RELEASE_REQUEST_INVALID');
    });
  });

  describe('permit', () => {
    const permit = (changes: Partial<Permit> = {}): Permit => ({
      manifestHash: manifest.manifestHash,
      releaseRequestHash: someHash('r'),
      basis: requestFrom(sender, recipient).basis,
      use: 'first',
      iat,
      exp: iat + 10,
      ...changes,
    });
    const verifiedAt = async (offset: number, changes: Partial<Permit> = {}): Promise<string> =>
      codeOf(await verifyPermit(await signPermit(permit(changes), consent.signing), consent.verification, at(offset)));

    it('holds for ten seconds and the skew between services', async () => {
      expect(await verifiedAt(0)).toBe('OK');
      expect(await verifiedAt(11)).toBe('OK');
      expect(await verifiedAt(-2)).toBe('OK');
    });

    it.each([
      ['expired', 12, {}],
      ['from the future', -3, {}],
      ['good for longer than ten seconds', 0, { exp: iat + 11 }],
      ['that never held', 0, { exp: iat }],
    ] as const)('%s', async (_name, offset, changes) =>
      expect(await verifiedAt(offset, changes)).toBe('PERMIT_INVALID'),
    );

    it('by another service', async () => {
      const token = await signPermit(permit(), sender.signing);
      expect(codeOf(await verifyPermit(token, consent.verification, at(0)))).toBe('PERMIT_INVALID');
    });

    it('a refusal in its place', async () => {
      const refusal = {
        manifestHash: someHash('m'),
        releaseRequestHash: someHash('r'),
        code: 'NO_BASIS',
        final: true,
        iat,
      } as const;
      const token = await signPermitRefusal(refusal, consent.signing);
      expect(codeOf(await verifyPermit(token, consent.verification, at(0)))).toBe('PERMIT_INVALID');
      expect(unwrap(await verifyPermitRefusal(token, consent.verification))).toEqual(refusal);
    });

    const fits = (changes: Partial<Permit>): string =>
      codeOf(checkPermit(permit(changes), { manifest, releaseRequestHash: someHash('r') }));

    it('fits its message, basis and request', () => expect(fits({})).toBe('OK'));
    it('of another message', () => expect(fits({ manifestHash: someHash('x') })).toBe('PERMIT_INVALID'));
    it('for another request', () => expect(fits({ releaseRequestHash: someHash('x') })).toBe('PERMIT_INVALID'));
    it('under consent X for a context that states Y', () => {
      const lift = { consent: { id: '6f1c1d7e-56a5-4a3c-9e8b-00000000000c', version: 1 } };
      const basis = [{ ...statuteBasis([11, 12]), secrecyLift: lift }] as Permit['basis'];
      expect(fits({ basis })).toBe('PERMIT_INVALID');
    });
    it('on the same statute in another version', () => {
      const basis = [{ ...statuteBasis([11, 12]), secrecyLift: { statute: { id: '621/1999-26', version: 2 } } }];
      expect(fits({ basis })).toBe('PERMIT_INVALID');
    });
    it('on fewer categories', () => expect(fits({ basis: [statuteBasis([11])] })).toBe('PERMIT_INVALID'));
  });

  describe('released key', () => {
    const released = () => ({
      contentKey: randomBytes(64),
      body: canonicalJson({ v: 1 }),
      commitmentKey: randomBytes(32),
    });

    it('comes to the recipient as it left audit', async () => {
      const original = released();
      const token = await sealReleasedKey(original, recipient.recipient);
      expect(unwrap(await openReleasedKey(token, recipient.receiving))).toEqual(original);
    });

    it("has no content key in the sender's notice", async () => {
      const { body, commitmentKey } = released();
      const opened = unwrap(
        await openReleasedKey(await sealReleasedKey({ body, commitmentKey }, sender.recipient), sender.receiving),
      );
      expect(opened).toEqual({ body, commitmentKey });
    });

    it('sealed to somebody else', async () => {
      const token = await sealReleasedKey(released(), recipient.recipient);
      expect(codeOf(await openReleasedKey(token, sender.receiving))).toBe('RECIPIENT_KEY_UNKNOWN');
    });
  });
});
