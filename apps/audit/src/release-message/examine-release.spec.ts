import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuditServiceReleaseItem } from '#contracts';
import {
  generateSigningKey,
  importVerificationKey,
  type PermitRefusal,
  readManifest,
  readReleaseRequest,
  type SigningKey,
  signManifest,
  signPermitRefusal,
  statementHash,
  thumbprintOf,
} from '#envelope';
import { FixedClock, numericDate, type Result, sha256, unwrap } from '#kernel';
import { AgencyKeys } from '../infra/agency-keys.js';
import { EntryKek } from '../infra/entry-kek.js';
import { ReleaseKeyring } from '../infra/release-keyring.js';
import { EntrySealer } from '../seal-entries/entry-sealer.js';
import { RecordPreparer } from '../log-facts/prepare-record.js';
import { EvidenceVerifier } from '../log-facts/verify-evidence.js';
import { acceptedEvent, type AskedRelease, releaseItem } from '../testing/audit.fixture.js';
import {
  directoryOf,
  type KeyState,
  type Party,
  party,
  type SealedFor,
  sealedMessage,
} from '../testing/parties.fixture.js';
import { type ExaminedRelease, examineRelease, type ReleaseParts } from './examine-release.js';

const codeOf = <T>(result: Result<T>): string => (result.ok ? 'ok' : result.error.code);

/** Each check on its own, without a log: who said what, with which key, about which message. */
describe('examining a release', () => {
  const clock = new FixedClock(new Date());
  let folder: string;
  let keyring: ReleaseKeyring;
  let permitKey: SigningKey;
  let sender: Party;
  let recipient: Party;
  let third: Party;
  let message: SealedFor;
  let other: SealedFor;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'examine-'));
    keyring = new ReleaseKeyring(join(folder, 'release'), clock, 92);
    await keyring.refresh();
    [sender, recipient, third, permitKey] = await Promise.all([
      party('H-03'),
      party('K-235'),
      party('L-KELA'),
      generateSigningKey(),
    ]);
    [message, other] = await Promise.all([sealed(), sealed()]);
  });
  afterAll(() => rm(folder, { recursive: true }));
  beforeEach(() => clock.set(new Date()));

  const sealed = async (...wish: [from?: Party, to?: Party]): Promise<SealedFor> => {
    const kid = await thumbprintOf(keyring.records()[0]!.jwk);
    return sealedMessage(wish[0] ?? sender, wish[1] ?? recipient, unwrap(keyring.find(kid)).key);
  };

  const parts = async (states: ReadonlyMap<string, KeyState> = new Map(), isLogged = false): Promise<ReleaseParts> => {
    const keys = new AgencyKeys(directoryOf([sender, recipient, third], states), async () => true);
    const evidence = new EvidenceVerifier(keys);
    return {
      keys,
      evidence,
      records: new RecordPreparer(
        keys,
        evidence,
        new EntrySealer(new EntryKek(randomBytes(32)), { threads: 0 }),
        clock,
      ),
      keyring,
      permitKey: unwrap(await importVerificationKey(permitKey.publicJwk)),
      clock,
      isLogged: () => isLogged,
    };
  };
  const item = (wished: AskedRelease = {}, of = message): Promise<AuditServiceReleaseItem> =>
    releaseItem({ permitKey, clock }, recipient, of, wished);
  const examined = async (wished: AskedRelease = {}, of = message): Promise<ExaminedRelease> =>
    examineRelease(await item(wished, of), await parts());
  const codes = ({ case: { directory, seenSize: _, ...checks } }: ExaminedRelease): Record<string, string> => ({
    directory: codeOf(directory),
    ...Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, codeOf(check as Result<unknown>)])),
  });
  const sound = {
    directory: 'ok',
    message: 'ok',
    request: 'ok',
    recipientKey: 'ok',
    permit: 'ok',
    capsule: 'ok',
    accepted: 'ok',
  };

  it('finds nothing wrong with one that is right, and what the log needs for it', async () => {
    const asked = await item({ item: { seenSize: 7n } });
    const found = await examineRelease(asked, await parts());
    const { request, ...facts } = found.case;
    expect(codes(found)).toEqual(sound);
    expect(unwrap(request).hash).toBe(unwrap(readReleaseRequest(asked.releaseRequest)).hash);
    expect(unwrap(facts.message)).toMatchObject({
      manifestHash: message.message.manifestHash,
      iat: message.context.iat,
      exp: message.context.exp,
      consents: [],
    });
    expect(unwrap(facts.permit)).toEqual({
      permitted: true,
      iat: numericDate(clock.now()),
      exp: numericDate(clock.now()) + 10,
    });
    expect(unwrap(facts.capsule)).toEqual({
      destroyAfter: numericDate(unwrap(keyring.find(await thumbprintOf(keyring.records()[0]!.jwk))).destroyAfter),
    });
    expect(facts.seenSize).toBe(7);
    expect(unwrap(facts.accepted)).toEqual({ at: asked.accepted!.at!.getTime() / 1000 });
    expect(found.accepted?.eventId).toBe(asked.accepted!.eventId);
    expect(found.contentKey).toHaveLength(64);
    expect(found.recipientKey?.kid).toBe(recipient.receiving.kid);
    expect(found.manifest?.manifestHash).toBe(message.message.manifestHash);
    expect(found.request?.agency).toBe(recipient.id);
    expect(found.evidence).toEqual({
      manifest: statementHash(asked.manifest),
      'release-request': statementHash(asked.releaseRequest),
      permit: statementHash(asked.decision!.value),
    });
  });

  it('judges the sender’s key by the time in which it counts, a revocation before its end', async () => {
    const revokedAt = new Date(clock.now().getTime() + 5_000);
    const found = await examineRelease(await item(), await parts(new Map([[sender.signing.kid, { revokedAt }]])));
    expect(unwrap(found.case.message).signable.until).toBe(revokedAt.getTime() / 1000);
  });

  it.each<[string, Partial<typeof sound>, () => Promise<ExaminedRelease>]>([
    [
      'the capsule of another message',
      { capsule: 'HASH_MISMATCH' },
      () => examined({ item: { capsule: other.message.capsule } }),
    ],
    ['no permit', { permit: 'PERMIT_INVALID' }, () => examined({ item: { decision: undefined } })],
    [
      'the permit of another message',
      { permit: 'PERMIT_INVALID' },
      () => examined({ permit: { manifestHash: other.message.manifestHash } }),
    ],
    ['a permit by a key of somebody else', { permit: 'PERMIT_INVALID' }, () => examined({ permitKey: third.signing })],
    [
      'a permit of eleven seconds',
      { permit: 'PERMIT_INVALID' },
      () => examined({ permit: { exp: numericDate(clock.now()) + 11 } }),
    ],
    [
      'a request for another message',
      { request: 'RELEASE_REQUEST_INVALID' },
      () => examined({ request: { manifestHash: other.message.manifestHash } }),
    ],
    [
      'a request by another agency',
      { request: 'RELEASE_REQUEST_INVALID' },
      () => examined({ request: { agency: third.id }, requestKey: third.signing }),
    ],
    [
      'a request by the key of another agency',
      { request: 'KEY_NOT_LOGGED', permit: 'KEY_NOT_LOGGED' },
      () => examined({ requestKey: third.signing }),
    ],
    [
      'a manifest in place of the request',
      { request: 'TYP_MISMATCH', permit: 'TYP_MISMATCH' },
      () => examined({ item: { releaseRequest: message.message.manifest } }),
    ],
  ])('%s is told by its own check, and the others stand', async (_what, wrong, look) => {
    expect(codes(await look())).toEqual({ ...sound, ...wrong });
  });

  it('of a manifest by an unlogged key says of all that rests on it that it cannot be judged', async () => {
    const found = await examined({}, await sealed({ ...sender, signing: await generateSigningKey() }));
    const code = 'KEY_NOT_LOGGED';
    expect(codes(found)).toEqual({
      ...sound,
      message: code,
      recipientKey: code,
      permit: code,
      capsule: code,
      accepted: code,
    });
    expect(found.contentKey).toBeUndefined();
    expect(found.recipientKey).toBeUndefined();
    expect(found.accepted).toBeUndefined();
    // As it merely says: for the entry about the refusal.
    expect(found.manifest?.context.sender).toBe(sender.id);
  });

  it('of a request that did not verify keeps what it merely says, for the entry about the refusal', async () => {
    const found = await examined({ requestKey: third.signing });
    expect(found.request).toMatchObject({ agency: recipient.id, manifestHash: message.message.manifestHash });
  });

  it('of a manifest that is none, or was changed after signing, opens nothing', async () => {
    const [header, , signature] = message.message.manifest.split('.');
    const [, payload] = other.message.manifest.split('.');
    const changed = await examined({ item: { manifest: [header, payload, signature].join('.') } });
    expect(codeOf(changed.case.message)).toBe('SIGNATURE_INVALID');
    expect(changed.contentKey).toBeUndefined();
    const none = await examined({ item: { manifest: 'x.y.z' } });
    expect(none.manifest).toBeUndefined();
    expect(none.contentKey).toBeUndefined();
    expect(codeOf(none.case.request)).toBe('ok');
  });

  it('of a capsule that somebody sealed to a key that is no release key, says which key is missing', async () => {
    const { message: wrong, context } = await sealedMessage(sender, recipient, recipient.receiving);
    expect(codeOf((await examined({}, { message: wrong, context })).case.capsule)).toBe('RELEASE_KEY_UNKNOWN');
  });

  describe('the capsule that its manifest names', () => {
    const under = async (capsule: string): Promise<ExaminedRelease> => {
      const { outerHash } = unwrap(readManifest(message.message.manifest));
      const payload = { context: message.context, outerHash, capsuleHash: sha256(capsule) };
      const manifest = await signManifest(payload, sender.signing);
      const { manifestHash } = unwrap(readManifest(manifest));
      return examined(
        {},
        { context: message.context, message: { ...message.message, manifest, manifestHash, capsule } },
      );
    };
    const broken = (capsule: string): string => {
      const parts = capsule.split('.');
      return [...parts.slice(0, -1), randomBytes(16).toString('base64url')].join('.');
    };

    it.each([
      ['made for another message, as a thief would put it there', () => other.message.capsule, 'CAPSULE_MISMATCH'],
      ['that does not open', () => broken(message.message.capsule), 'CAPSULE_MISMATCH'],
      ['that is none', () => message.message.manifest, 'MALFORMED'],
    ])('gives no key away if it is one %s', async (_what, capsule, code) => {
      const found = await under(capsule());
      expect(codes(found)).toEqual({ ...sound, capsule: code });
      expect(found.contentKey).toBeUndefined();
    });
  });

  describe('keys and states of the directory', () => {
    const before = new Date(Date.now() - 1_000);
    it.each<[string, () => ReadonlyMap<string, KeyState>, Partial<typeof sound>]>([
      [
        'a revoked receiving key',
        () => new Map([[recipient.receiving.kid, { revokedAt: before }]]),
        { recipientKey: 'KEY_REVOKED' },
      ],
      ['an expired receiving key', () => new Map([[recipient.receiving.kid, { notAfter: before }]]), {}],
      [
        'an expired signing key of the recipient',
        () => new Map([[recipient.signing.kid, { notAfter: before }]]),
        { request: 'SIGNATURE_INVALID', permit: 'SIGNATURE_INVALID' },
      ],
    ])('%s', async (_what, states, wrong) => {
      expect(codes(await examineRelease(await item(), await parts(states())))).toEqual({ ...sound, ...wrong });
    });

    it('a recipient that is not active gets no key', async () => {
      const all = await parts();
      const keys = new AgencyKeys(directoryOf([sender, third]), async () => true);
      const found = await examineRelease(await item(), { ...all, keys });
      expect(codeOf(found.case.recipientKey)).toBe('RECIPIENT_UNKNOWN');
      expect(found.recipientKey).toBeUndefined();
    });
  });

  describe('consent’s refusal', () => {
    const refused = async (changes: Partial<PermitRefusal> = {}, key = permitKey): Promise<ExaminedRelease> => {
      const asked = await item();
      const value = await signPermitRefusal(
        {
          manifestHash: message.message.manifestHash,
          releaseRequestHash: unwrap(readReleaseRequest(asked.releaseRequest)).hash,
          code: 'CONSENT_USED_UP',
          final: true,
          iat: numericDate(clock.now()),
          ...changes,
        },
        key,
      );
      return examineRelease({ ...asked, decision: { $case: 'permitRefusal', value } }, await parts());
    };

    it('is its own word about this request, kept as evidence', async () => {
      const found = await refused();
      expect(unwrap(found.case.permit)).toEqual({ permitted: false, code: 'CONSENT_USED_UP', final: true });
      expect(Object.keys(found.evidence).sort()).toEqual(['manifest', 'permit-refusal', 'release-request']);
    });
    it('of another message, or for another request, or by somebody else, says nothing', async () => {
      const others = unwrap(readReleaseRequest((await item()).releaseRequest)).hash;
      const found = [
        await refused({ manifestHash: other.message.manifestHash }),
        await refused({ releaseRequestHash: others }),
        await refused({}, third.signing),
      ];
      expect(found.map((one) => codeOf(one.case.permit))).toEqual(Array.from({ length: 3 }, () => 'PERMIT_INVALID'));
    });
  });

  describe('the accepted event', () => {
    const accepted = (changes: object) => examined({ item: { accepted: { ...acceptedEvent(message), ...changes } } });

    it.each<[string, object]>([
      ['of another message', { manifestHash: 'B'.repeat(43) }],
      ['of another type', { type: 'message-delivered' }],
      ['without its time', { at: undefined }],
      ['with another sender', { sender: 'L-KELA' }],
      ['with another recipient', { recipient: 'L-KELA' }],
    ])('%s is not this message’s', async (_what, changes) => {
      const found = await accepted(changes);
      expect(codeOf(found.case.accepted)).toBe('HASH_MISMATCH');
      expect(found.accepted).toBeUndefined();
    });
    it('that cannot be an entry is told as that', async () => {
      expect(codeOf((await accepted({ eventId: 'none' })).case.accepted)).toBe('MALFORMED');
    });
    it('that did not come is nothing wrong', async () => {
      const found = await examined({ item: { accepted: undefined } });
      expect(found.case.accepted).toEqual({ ok: true, value: undefined });
      expect(found.accepted).toBeUndefined();
    });
    it('that has a leaf needs no entry', async () => {
      const found = await examineRelease(await item(), await parts(new Map(), true));
      expect(unwrap(found.case.accepted)).toBeDefined();
      expect(found.accepted).toBeUndefined();
    });
  });
});
