import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type AgencyKey, type ReleaseResult, topics } from '#contracts';
import {
  generateReceivingKey,
  type KeyRecord,
  type MessageContext,
  openReleasedKey,
  type ReceivingKey,
  readReleaseRequest,
  type SigningKey,
  signStatement,
} from '#envelope';
import { type AgencyId, type ConsentId, newConsentId, newEventId, numericDate, unwrap } from '#kernel';
import { type DirectoryView, SnapshotView } from '#platform';
import { plainProposal } from '../append-entries/proposal.js';
import { keyLeaves } from '../infra/key-leaves.js';
import {
  type AskedRelease,
  AuditGround,
  AuditInstance,
  acceptedEvent,
  emptyRecord,
  releaseItem,
} from '../testing/audit.fixture.js';
import {
  consentStatement,
  directorySnapshot,
  type KeyState,
  type Party,
  party,
  type SealedFor,
  sealedMessage,
} from '../testing/parties.fixture.js';

type Result = NonNullable<ReleaseResult['result']>;

/** What changes between delivery and opening, and who asks at the same moment. */
describe('the release gate', () => {
  let ground: AuditGround;
  let audit: AuditInstance;
  let sender: Party;
  let recipient: Party;
  let third: Party;
  /** As the directory shows it at the moment. */
  let shown: SnapshotView;
  let directory: DirectoryView;

  const show = (
    states: ReadonlyMap<string, KeyState> = new Map(),
    changed: { suspended?: AgencyId; further?: readonly AgencyKey[] } = {},
  ): void => {
    const snapshot = directorySnapshot([sender, recipient, third], states);
    const agencies = snapshot.agencies.map((agency) =>
      agency.id === changed.suspended ? { ...agency, status: 'suspended' } : agency,
    );
    shown = new SnapshotView({ ...snapshot, agencies, keys: [...snapshot.keys, ...(changed.further ?? [])] });
  };

  beforeAll(async () => {
    ground = await AuditGround.lay();
    [sender, recipient, third] = await Promise.all([party('H-03'), party('K-235'), party('L-KELA')]);
    show();
    directory = {
      version: 1n,
      fresh: () => shown.fresh(),
      agency: (id) => shown.agency(id),
      agencies: () => shown.agencies(),
      key: (agency, kid) => shown.key(agency, kid),
      keysOf: (agency) => shown.keysOf(agency),
      catalogue: () => shown.catalogue(),
    };
    audit = await AuditInstance.start(ground, directory);
  });
  afterEach(() => show());
  afterAll(async () => {
    await audit.stop();
    await ground.clear();
  });

  const sealed = (wished: Partial<MessageContext> = {}): Promise<SealedFor> =>
    sealedMessage(sender, recipient, ground.releaseKey, wished);
  const item = (message: SealedFor, wished: AskedRelease = {}) => releaseItem(ground, recipient, message, wished);
  const ask = async (message: SealedFor, wished: AskedRelease = {}): Promise<Result> =>
    (await audit.release(await item(message, wished)))[0]!;

  const codeOf = (result: Result): string => (result.$case === 'refused' ? result.value.code : result.$case);
  const refusal = (code: string, final: boolean) => ({ $case: 'refused', value: { code, final } });
  const released = { $case: 'released' };

  const typeOf = async (result: Result): Promise<string> => {
    if (result.$case !== 'released') return codeOf(result);
    const { body } = unwrap(await openReleasedKey(result.value.receipt!.opening, recipient.receiving));
    return (JSON.parse(body) as { type: string }).type;
  };

  describe('two consumers of the same message', () => {
    it('each with a request of its own, at the same moment: one first opening, and an entry for each', async () => {
      for (let round = 0; round < 20; round++) {
        const message = await sealed();
        const results = await audit.release(...(await Promise.all([1, 2, 3].map(() => item(message)))));
        const types = await Promise.all(results.map(typeOf));
        expect(types.sort()).toEqual(['message-re-released', 'message-re-released', 'message-released']);
        const leaves = results.map((result) =>
          result.$case === 'released' ? result.value.receipt?.leafIndex : undefined,
        );
        expect(new Set(leaves).size).toBe(3);
      }
    });

    it('of whom one is another agency: that one gets nothing', async () => {
      const message = await sealed();
      const results = await audit.release(
        await item(message),
        await item(message, { request: { agency: third.id }, requestKey: third.signing }),
      );
      expect(results.map(codeOf)).toEqual(['released', 'RELEASE_REQUEST_INVALID']);
    });
  });

  describe('a permit', () => {
    it('of another recipient: given for a request of somebody else about the same message', async () => {
      const message = await sealed();
      const others = await item(message, { request: { agency: third.id }, requestKey: third.signing });
      const releaseRequestHash = unwrap(readReleaseRequest(others.releaseRequest)).hash;
      expect(await ask(message, { permit: { releaseRequestHash } })).toMatchObject(refusal('PERMIT_INVALID', false));
    });

    it('that is used twice for the same request gives the same entry, for another request nothing', async () => {
      const message = await sealed();
      const first = await item(message);
      const [one, same, replayed] = await audit.release(
        first,
        first,
        await item(message, { item: { decision: first.decision } }),
      );
      expect([one, same].map((result) => codeOf(result!))).toEqual(['released', 'released']);
      expect(codeOf(replayed!)).toBe('PERMIT_INVALID');
    });
  });

  describe('keys and parties between delivery and opening', () => {
    const keyOf = (agency: AgencyId, { kid, publicJwk }: ReceivingKey | SigningKey, use: string): AgencyKey => ({
      ...shown.keysOf(agency)[0]!,
      use,
      kid,
      jwkJson: JSON.stringify(publicJwk),
    });
    const before = new Date(Date.now() - 1_000);

    it('a receiving key rotated: what was sealed to the old one still opens', async () => {
      const message = await sealed();
      show(new Map(), { further: [keyOf(recipient.id, await generateReceivingKey(), 'receiving')] });
      expect(await ask(message)).toMatchObject(released);
    });

    it('a receiving key whose time is over: what was sealed to it still opens', async () => {
      const message = await sealed();
      show(new Map([[recipient.receiving.kid, { notAfter: before }]]));
      expect(await ask(message)).toMatchObject(released);
    });

    it('a receiving key revoked', async () => {
      const message = await sealed();
      show(new Map([[recipient.receiving.kid, { revokedAt: before }]]));
      expect(await ask(message)).toMatchObject(refusal('KEY_REVOKED', true));
    });

    it('the sender’s signing key expired: before acceptance it is refused, afterwards it opens', async () => {
      const [early, late] = [await sealed(), await sealed()];
      const notAfter = new Date(Date.now() - 10_000);
      show(new Map([[sender.signing.kid, { notAfter }]]));
      const acceptedAt = (message: SealedFor, ms: number) => ({
        item: { accepted: acceptedEvent(message, new Date(notAfter.getTime() + ms)) },
      });
      expect(await ask(early, acceptedAt(early, -1_000))).toMatchObject(released);
      expect(await ask(late, acceptedAt(late, 0))).toMatchObject(refusal('SIGNATURE_INVALID', false));
    });

    it.each<[string, KeyState]>([
      ['expired', { notAfter: before }],
      ['revoked', { revokedAt: before }],
    ])('the recipient’s signing key %s: it can ask no more', async (_what, state) => {
      const message = await sealed();
      show(new Map([[recipient.signing.kid, state]]));
      expect(await ask(message)).toMatchObject(refusal('SIGNATURE_INVALID', false));
    });

    it('the recipient suspended, and active again: refused, not for good, and then opened', async () => {
      const message = await sealed();
      show(new Map(), { suspended: recipient.id });
      expect(await ask(message)).toMatchObject(refusal('RECIPIENT_UNKNOWN', false));
      show();
      expect(await ask(message)).toMatchObject(released);
    });

    it('the sender suspended after its message was accepted: the message opens', async () => {
      const message = await sealed();
      show(new Map(), { suspended: sender.id });
      expect(await ask(message)).toMatchObject(released);
    });
  });

  describe('a consent between delivery and opening', () => {
    const log = async (id: ConsentId, type: string, version = 1, token?: string): Promise<void> => {
      const evidence =
        token === undefined ? [] : [{ kind: type === 'consent-recorded' ? 'consent' : 'consent-act', token }];
      const record = { ...emptyRecord(), type, consentId: id, consentVersion: version, evidence };
      const prepared = unwrap(await audit.preparer.prepare(record, topics.consentEvents));
      await audit.appender.append(plainProposal([prepared]));
    };
    const given = async (id: ConsentId, version = 1): Promise<void> =>
      log(id, 'consent-recorded', version, await consentStatement(sender, id, version));
    const act = (id: ConsentId, what: 'suspend' | 'resume') =>
      signStatement(
        'consent-act',
        {
          v: 1,
          consentId: id,
          version: 1,
          act: what,
          by: 'subject',
          channel: 'in-person',
          agency: sender.id,
          worker: 'w-1',
          jti: newEventId(),
          iat: numericDate(new Date()),
        },
        sender.signing,
      );
    const under = (id: ConsentId): Promise<SealedFor> =>
      sealed({
        basis: [
          {
            categories: [11],
            processing: { sender: '681/2023-87', recipient: '681/2023-87' },
            secrecyLift: { consent: { id, version: 1 } },
          },
        ],
      });

    it('suspended: refused, not for good; resumed: opened', async () => {
      const id = newConsentId();
      await given(id);
      const message = await under(id);
      await log(id, 'consent-suspended', 1, await act(id, 'suspend'));
      expect(await ask(message)).toMatchObject(refusal('CONSENT_INACTIVE', false));
      await log(id, 'consent-resumed', 1, await act(id, 'resume'));
      expect(await ask(message)).toMatchObject(released);
    });

    it('suspended, and resumed by the hub’s word alone: still refused', async () => {
      const id = newConsentId();
      await given(id);
      const message = await under(id);
      await log(id, 'consent-suspended');
      await log(id, 'consent-resumed');
      expect(await ask(message)).toMatchObject(refusal('CONSENT_INACTIVE', false));
    });

    it('superseded: refused for good', async () => {
      const id = newConsentId();
      await given(id);
      const message = await under(id);
      await given(id, 2);
      expect(await ask(message)).toMatchObject(refusal('CONSENT_SUPERSEDED', true));
    });

    it('superseded by a version that only the hub speaks of: opened', async () => {
      const id = newConsentId();
      await given(id);
      const message = await under(id);
      await log(id, 'consent-recorded', 2);
      expect(await ask(message)).toMatchObject(released);
    });

    it.each([
      ['without the agency’s record', async () => undefined],
      ['with the record of another consent', () => consentStatement(sender, newConsentId())],
      ['with the record of another version', (id: ConsentId) => consentStatement(sender, id, 2)],
      [
        'with a record that nobody’s logged key signed',
        async (id: ConsentId) => consentStatement({ ...(await party('H-03')), id: sender.id }, id),
      ],
    ])('recorded %s: nothing opens under it', async (_what, token) => {
      const id = newConsentId();
      await log(id, 'consent-recorded', 1, await token(id));
      expect(await ask(await under(id))).toMatchObject(refusal('UNAVAILABLE', false));
    });

    it('withdrawn by the hub’s word alone: refused, which harms nobody', async () => {
      const id = newConsentId();
      await given(id);
      const message = await under(id);
      await log(id, 'consent-withdrawn');
      expect(await ask(message)).toMatchObject(refusal('CONSENT_WITHDRAWN', true));
    });
  });

  describe('a key that the directory shows', () => {
    const validity = {
      notBefore: new Date(Date.now() - 86_400_000).toISOString(),
      notAfter: new Date(Date.now() + 86_400_000).toISOString(),
    };

    /** Logged in clear as the directory has it logged; returns what the directory then shows. */
    const logged = async (
      agency: AgencyId,
      use: KeyRecord['use'],
      { publicJwk, kid }: SigningKey | ReceivingKey,
      signer: SigningKey,
    ): Promise<AgencyKey> => {
      const record: KeyRecord = { v: 1, agency, use, jwk: publicJwk, ...validity, iat: numericDate(new Date()) };
      const clear = { type: 'agency-key', record: await signStatement('agency-key', record, signer) };
      const event = { ...emptyRecord(), type: 'key-published', clearRecordJson: JSON.stringify(clear), sender: agency };
      const prepared = unwrap(await audit.preparer.prepare(event, topics.directoryEvents));
      const { leaves } = await audit.appender.append(plainProposal([prepared]));
      return {
        agency,
        use,
        kid,
        jwkJson: JSON.stringify(publicJwk),
        notBefore: new Date(validity.notBefore),
        notAfter: new Date(validity.notAfter),
        revokedAt: undefined,
        leafIndex: BigInt(leaves[0]!),
        record: '',
      };
    };

    it('counts with its clear leaf, and not as something else than the leaf says', async () => {
      const [key, other] = [
        await logged(sender.id, 'signing', sender.signing, sender.signing),
        await logged(third.id, 'signing', third.signing, third.signing),
      ];
      const proves = keyLeaves(audit.database);
      const lies: readonly Partial<AgencyKey>[] = [
        { agency: third.id },
        { use: 'receiving' },
        { kid: third.signing.kid },
        { jwkJson: JSON.stringify(third.signing.publicJwk) },
        { kid: third.signing.kid, jwkJson: JSON.stringify(third.signing.publicJwk) },
        { notBefore: new Date(0) },
        { notAfter: new Date(Date.now() + 10 * 86_400_000) },
        { leafIndex: other.leafIndex },
        { leafIndex: 10_000_000n },
      ];
      expect(await proves(key)).toBe(true);
      expect(await Promise.all(lies.map((lie) => proves({ ...key, ...lie })))).toEqual(lies.map(() => false));
    });

    it('counts when it ends earlier than its leaf says, because a later key has taken its place', async () => {
      const key = await logged(sender.id, 'signing', sender.signing, sender.signing);
      expect(await keyLeaves(audit.database)({ ...key, notAfter: new Date(Date.now() + 3_600_000) })).toBe(true);
    });

    it('and an opaque entry does not prove it', async () => {
      const message = await sealed();
      const result = await ask(message);
      if (result.$case !== 'released') throw new Error('not released');
      const key = await logged(sender.id, 'signing', sender.signing, sender.signing);
      expect(await keyLeaves(audit.database)({ ...key, leafIndex: result.value.receipt!.leafIndex })).toBe(false);
    });

    it('and that the log does not show opens nothing', async () => {
      await audit.stop();
      audit = await AuditInstance.start(ground, directory, { keyProof: keyLeaves });
      const message = await sealed();
      expect(await ask(message)).toMatchObject(refusal('KEY_NOT_LOGGED', false));
    });
  });
});
