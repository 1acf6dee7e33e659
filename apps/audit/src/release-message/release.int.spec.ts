import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CompactSign } from 'jose';
import pg from 'pg';
import { AuditEvent, type ReleaseFact, type ReleaseResult, topics } from '#contracts';
import {
  type LogBody,
  type MessageContext,
  type ReleasedKey,
  type SealedMessage,
  importVerificationKey,
  openMessage,
  openReleasedKey,
  parseLogBody,
  readManifest,
  readReleaseRequest,
  signPermitRefusal,
  verifyReceipt,
} from '#envelope';
import { type ConsentId, agencyId, canonicalJson, newConsentId, numericDate, sha256, unwrap } from '#kernel';
import { type Checkpoint, MemoryTree, leafHash, openCheckpoint, verifyConsistency } from '#merkle';
import { plainProposal } from '../append-entries/proposal.js';
import { entryOf, prepareOpaque } from '../append-entries/prepared-entry.js';
import {
  type AskedRelease,
  AuditGround,
  AuditInstance,
  acceptedEvent,
  emptyRecord,
  releaseItem,
} from '../testing/audit.fixture.js';
import {
  type KeyState,
  type Party,
  type SealedFor,
  consentStatement,
  directoryOf,
  party,
  sealedMessage,
  statuteBasis,
} from '../testing/parties.fixture.js';

let ground: AuditGround;
let audit: AuditInstance;
let sender: Party;
let recipient: Party;
let third: Party;

beforeAll(async () => {
  ground = await AuditGround.lay();
  [sender, recipient, third] = await Promise.all([party('H-03'), party('K-235'), party('L-KELA')]);
  audit = await AuditInstance.start(ground, directory());
});

afterAll(async () => {
  await audit.stop();
  await ground.clear();
});

const directory = (states: ReadonlyMap<string, KeyState> = new Map()) =>
  directoryOf([sender, recipient, third], states);
const sealed = (wished: Partial<MessageContext> = {}): Promise<SealedFor> =>
  sealedMessage(sender, recipient, ground.releaseKey, wished);

async function ask(message: SealedFor, wished: AskedRelease = {}, instance = audit): Promise<Result> {
  const [result] = await instance.release(await releaseItem(ground, recipient, message, wished));
  if (!result) throw new Error('no result');
  return result;
}
type Result = NonNullable<ReleaseResult['result']>;

interface Given {
  readonly leafIndex: number;
  readonly released: ReleasedKey;
  readonly body: LogBody;
  readonly checkpoint: Checkpoint;
  readonly consistencyProof: Buffer[];
}

/** What the recipient's agent makes of a release: it believes nothing that the receipt does not prove. */
async function given(result: Result | undefined, message: SealedMessage): Promise<Given> {
  if (result?.$case !== 'released' || !result.value.receipt) throw new Error(JSON.stringify(result));
  const { receipt, consistencyProof } = result.value;
  const released = unwrap(await openReleasedKey(receipt.opening, recipient.receiving));
  const { body, checkpoint } = unwrap(
    verifyReceipt({
      receipt: {
        leafIndex: Number(receipt.leafIndex),
        inclusionProof: receipt.inclusionProof.map((hash) => hash.toString('base64')),
        checkpoint: receipt.checkpoint,
        places: receipt.places.toString('base64url'),
      },
      opening: released,
      logVerifier: ground.logKey.verifier,
      expected: { manifestHash: message.manifestHash },
    }),
  );
  return { leafIndex: Number(receipt.leafIndex), released, body, checkpoint, consistencyProof };
}

async function expectOpens({ message }: SealedFor, { released }: Given): Promise<void> {
  const opened = await openMessage({
    ...message,
    contentKey: released.contentKey ?? Buffer.alloc(0),
    receivingKey: recipient.receiving,
    senderKey: unwrap(await importVerificationKey(sender.signing.publicJwk)),
  });
  expect(unwrap(opened).content).toEqual({ need: 'ä' });
}

const logSize = async (): Promise<number> => (await audit.appender.append(plainProposal([]))).checkpoint.size;

async function typesFrom(index: number): Promise<string[]> {
  const { rows } = await audit.database.pool.query<{ type: string }>(
    'SELECT type FROM audit.entry_index WHERE leaf_index >= $1 ORDER BY leaf_index',
    [index],
  );
  return rows.map(({ type }) => type);
}

async function releaseFacts(manifestHash: string): Promise<ReleaseFact[]> {
  const { rows } = await audit.database.pool.query<{ payload: Buffer }>(
    'SELECT payload FROM audit.outbox ORDER BY tx, id',
  );
  return rows.flatMap(({ payload }) => {
    const { event } = AuditEvent.decode(payload);
    return event?.$case === 'release' && event.value.manifestHash === manifestHash ? [event.value] : [];
  });
}

/** Writes what consent would tell the log about a consent, the agency's record with it. */
async function logConsent(id: ConsentId, type: string, version = 1): Promise<void> {
  const evidence =
    type === 'consent-recorded' ? [{ kind: 'consent', token: await consentStatement(sender, id, version) }] : [];
  const prepared = await audit.preparer.prepare(
    { ...emptyRecord(), type, consentId: id, consentVersion: version, evidence },
    topics.consentEvents,
  );
  await audit.appender.append(plainProposal([unwrap(prepared)]));
}

const consentBasis = (id: ConsentId, version = 1): MessageContext['basis'] => [
  {
    categories: [11],
    processing: { sender: '681/2023-87', recipient: '681/2023-87' },
    secrecyLift: { consent: { id, version } },
  },
];

describe('a release', () => {
  it('gives the one-time key with a receipt that proves its own leaf, after the accepted entry', async () => {
    const message = await sealed();
    const before = await logSize();
    const release = await given(await ask(message), message.message);
    expect(release.body.type).toBe('message-released');
    expect(release.body.actor).toEqual({ agency: recipient.id, worker: 'w-1' });
    expect(await typesFrom(before)).toEqual(['message-accepted', 'message-released']);
    expect(release.leafIndex).toBe(before + 1);
    await expectOpens(message, release);
  });

  it('proves that the log only grew since what the recipient saw', async () => {
    const first = await sealed();
    const seen = (await given(await ask(first), first.message)).checkpoint;
    await audit.appender.append(plainProposal([]));
    const second = await sealed();
    const item = { seenSize: BigInt(seen.size) };
    const { checkpoint, consistencyProof } = await given(await ask(second, { item }), second.message);
    const claim = {
      first: seen.size,
      second: checkpoint.size,
      firstRoot: seen.root,
      secondRoot: checkpoint.root,
      proof: consistencyProof,
    };
    expect(verifyConsistency(claim)).toMatchObject({ ok: true });
  });

  it('gives the same jti the same leaf and the key again, and another jti a new entry', async () => {
    const message = await sealed();
    const item = await releaseItem(ground, recipient, message);
    const [first] = await audit.release(item);
    const [again] = await audit.release(item);
    const one = await given(first, message.message);
    const same = await given(again, message.message);
    expect(same.leafIndex).toBe(one.leafIndex);
    expect(same.body).toEqual(one.body);
    await expectOpens(message, same);
    const other = await given(await ask(message), message.message);
    expect(other.leafIndex).toBeGreaterThan(one.leafIndex);
    expect(other.body.type).toBe('message-re-released');
    const facts = await releaseFacts(message.message.manifestHash);
    expect(facts.map(({ type }) => type)).toEqual(['message-released', 'message-re-released']);
  });

  it('is one leaf when the same request comes many times at once', async () => {
    const message = await sealed();
    const item = await releaseItem(ground, recipient, message);
    const results = await audit.release(...Array.from({ length: 16 }, () => item));
    const leaves = await Promise.all(results.map(async (result) => (await given(result, message.message)).leafIndex));
    expect(new Set(leaves).size).toBe(1);
  });

  it('judges 64 at once, each by itself', async () => {
    const messages = await Promise.all(Array.from({ length: 64 }, () => sealed()));
    const items = await Promise.all(
      messages.map((message, at) =>
        releaseItem(ground, recipient, message, at === 7 ? { permitKey: third.signing } : {}),
      ),
    );
    const results = await audit.release(...items);
    expect(results.map(({ $case }) => $case)).toEqual(items.map((_, at) => (at === 7 ? 'refused' : 'released')));
  });

  it('leaves the accepted event its one leaf when Kafka brings it later', async () => {
    const message = await sealed();
    const accepted = acceptedEvent(message);
    await given(await ask(message, { item: { accepted } }), message.message);
    const size = await logSize();
    const prepared = unwrap(await audit.preparer.prepare(accepted, topics.exchangeEvents));
    const { leaves } = await audit.appender.append(plainProposal([prepared]));
    expect(leaves[0]).toBeLessThan(size);
    expect(await logSize()).toBe(size);
  });

  it('needs no accepted event where the log has it', async () => {
    const message = await sealed();
    const prepared = unwrap(await audit.preparer.prepare(acceptedEvent(message), topics.exchangeEvents));
    await audit.appender.append(plainProposal([prepared]));
    await expectOpens(message, await given(await ask(message, { item: { accepted: undefined } }), message.message));
  });

  it('is in the log as what it was: the root recomputes from the entries', async () => {
    const { checkpoint } = await audit.appender.append(plainProposal([]));
    const { rows } = await audit.database.pool.query<{ entry: Buffer }>(
      'SELECT entry FROM audit.entry ORDER BY leaf_index',
    );
    const tree = MemoryTree.of(rows.map(({ entry }) => leafHash(entry)));
    expect(tree.root()).toEqual(unwrap(openCheckpoint(checkpoint.note, ground.logKey.verifier)).root);
  });
});

describe('killed between commit and answer', () => {
  it('the next instance gives the same jti the same leaf', async () => {
    const message = await sealed();
    const item = await releaseItem(ground, recipient, message);
    // The answer is lost with the process; only what was committed is left.
    const lost = await given((await audit.release(item))[0], message.message);
    await audit.stop();
    audit = await AuditInstance.start(ground, directory());
    const again = await given((await audit.release(item))[0], message.message);
    expect(again.leafIndex).toBe(lost.leafIndex);
    await expectOpens(message, again);
  });
});

interface Misuse {
  readonly name: string;
  readonly code: string;
  readonly final?: boolean;
  readonly logged?: boolean;
  readonly asked: (message: SealedFor) => Promise<{ message?: SealedFor; wished?: AskedRelease }>;
}

const misuses: readonly Misuse[] = [
  {
    name: 'a valid permit under consent X for a context that states Y',
    code: 'PERMIT_INVALID',
    asked: async () => ({ wished: { permit: { basis: consentBasis(newConsentId()) } } }),
  },
  {
    name: 'a permit for another version of the basis',
    code: 'PERMIT_INVALID',
    asked: async ({ context }) => {
      const [item] = context.basis;
      if (!item) throw new Error('no basis');
      const statute = { id: '681/2023-87', version: 2 };
      return { wished: { permit: { basis: [{ ...item, secrecyLift: { statute } }] } } };
    },
  },
  {
    name: 'a permit for wider categories',
    code: 'PERMIT_INVALID',
    asked: async () => ({ wished: { permit: { basis: [statuteBasis([11, 12])] } } }),
  },
  {
    name: 'the permit of another message',
    code: 'PERMIT_INVALID',
    asked: async () => ({ wished: { permit: { manifestHash: (await sealed()).message.manifestHash } } }),
  },
  {
    name: 'a permit replayed with another request',
    code: 'PERMIT_INVALID',
    asked: async (message) => {
      const earlier = await releaseItem(ground, recipient, message);
      return { wished: { item: { decision: earlier.decision } } };
    },
  },
  {
    name: 'an expired permit',
    code: 'PERMIT_INVALID',
    asked: async () => {
      const now = numericDate(new Date());
      return { wished: { permit: { iat: now - 20, exp: now - 10 } } };
    },
  },
  {
    name: 'a permit good for longer than 10 s',
    code: 'PERMIT_INVALID',
    asked: async () => ({ wished: { permit: { exp: numericDate(new Date()) + 60 } } }),
  },
  {
    name: 'a permit that an agency signed',
    code: 'PERMIT_INVALID',
    asked: async () => ({ wished: { permitKey: recipient.signing } }),
  },
  {
    name: 'a release without a permit',
    code: 'PERMIT_INVALID',
    asked: async () => ({ wished: { item: { decision: undefined } } }),
  },
  {
    name: 'the capsule of another message',
    code: 'HASH_MISMATCH',
    asked: async () => ({ wished: { item: { capsule: (await sealed()).message.capsule } } }),
  },
  {
    name: 'another’s capsule under a manifest of one’s own, with another sender',
    code: 'CAPSULE_MISMATCH',
    final: true,
    asked: async ({ message: stolen }) => ({ message: await underOwnManifest(third, stolen, {}) }),
  },
  {
    name: 'one’s own capsule under a manifest about another subject',
    code: 'CAPSULE_MISMATCH',
    final: true,
    asked: async ({ context, message }) => ({
      message: await underOwnManifest(sender, message, { ...context, subjects: [] }),
    }),
  },
  {
    name: 'a manifest changed after signing',
    code: 'SIGNATURE_INVALID',
    asked: async ({ context, message }) => {
      const [, , signature] = message.manifest.split('.');
      const { message: other } = await sealed({ ...context, subjects: [] });
      const forged = `${other.manifest.split('.').slice(0, 2).join('.')}.${signature}`;
      return { message: { context, message: { ...other, manifest: forged } } };
    },
  },
  {
    name: 'a manifest signed with a key that is not in the log',
    code: 'KEY_NOT_LOGGED',
    asked: async () => {
      const stranger = await party('H-03');
      return { message: await sealedMessage(stranger, recipient, ground.releaseKey) };
    },
  },
  {
    name: 'a request of another agency',
    code: 'RELEASE_REQUEST_INVALID',
    asked: async () => ({ wished: { request: { agency: third.id }, requestKey: third.signing } }),
  },
  {
    name: 'a request that another agency signed',
    code: 'KEY_NOT_LOGGED',
    asked: async () => ({ wished: { requestKey: third.signing } }),
  },
  {
    name: 'the request for another message',
    code: 'RELEASE_REQUEST_INVALID',
    asked: async () => ({ wished: { request: { manifestHash: (await sealed()).message.manifestHash } } }),
  },
  {
    name: 'a request older than 60 s',
    code: 'RELEASE_REQUEST_INVALID',
    asked: async () => ({ wished: { request: { iat: numericDate(new Date()) - 61 } } }),
  },
  {
    name: 'a message past its exp',
    code: 'MESSAGE_EXPIRED',
    final: true,
    asked: async () => {
      const now = numericDate(new Date());
      return { message: await sealed({ iat: now - 100, exp: now - 1 }) };
    },
  },
  {
    name: 'a message that outlives its release key',
    code: 'EXP_TOO_LATE',
    final: true,
    asked: async () => ({ message: await sealed({ exp: numericDate(new Date()) + 300 * 24 * 3600 }) }),
  },
  {
    name: 'a message that was never accepted',
    code: 'NOT_IN_MAILBOX',
    asked: async () => ({ wished: { item: { accepted: undefined } } }),
  },
  {
    name: 'the accepted event of another message',
    code: 'HASH_MISMATCH',
    asked: async () => ({ wished: { item: { accepted: acceptedEvent(await sealed()) } } }),
  },
  {
    name: 'an accepted event under the id of another entry',
    code: 'HASH_MISMATCH',
    asked: async (message) => {
      const other = acceptedEvent(await sealed());
      const prepared = unwrap(await audit.preparer.prepare(other, topics.exchangeEvents));
      await audit.appender.append(plainProposal([prepared]));
      return { wished: { item: { accepted: { ...acceptedEvent(message), eventId: other.eventId } } } };
    },
  },
  {
    name: 'a recipient that claims a longer log than there is',
    code: 'LOG_INCONSISTENT',
    asked: async () => ({ wished: { item: { seenSize: 1_000_000n } } }),
  },
  {
    name: 'a consent that the log does not know yet',
    code: 'UNAVAILABLE',
    logged: false,
    asked: async () => ({ message: await sealed({ basis: consentBasis(newConsentId()) }) }),
  },
];

/** Puts a stolen capsule and outer under a manifest that the thief signs. */
async function underOwnManifest(
  thief: Party,
  stolen: SealedMessage,
  wished: Partial<MessageContext>,
): Promise<SealedFor> {
  const { context } = await sealedMessage(thief, recipient, ground.releaseKey, wished);
  const payload = { context, outerHash: sha256(stolen.outer), capsuleHash: sha256(stolen.capsule) };
  const { alg, kid, privateKey } = thief.signing;
  const manifest = await new CompactSign(Buffer.from(canonicalJson(payload)))
    .setProtectedHeader({ alg, kid, typ: 'kotovayla-manifest+jws' })
    .sign(privateKey);
  return { context, message: { ...stolen, manifest, manifestHash: unwrap(readManifest(manifest)).manifestHash } };
}

describe('audit refuses, whatever the others have checked,', () => {
  it.each(misuses)('$name', async ({ code, final = false, logged = true, asked }) => {
    const whole = await sealed();
    const { message = whole, wished } = await asked(whole);
    const before = await logSize();
    const result = await ask(message, wished);
    expect(result).toMatchObject({ $case: 'refused', value: { code, final } });
    const types = await typesFrom(before);
    expect(types.filter((type) => type === 'release-refused')).toHaveLength(logged ? 1 : 0);
    expect(types).not.toContain('message-released');
    const facts = await releaseFacts(message.message.manifestHash);
    expect(facts.every(({ type }) => type === 'release-refused')).toBe(true);
  });

  it('a revoked receiving key, finally', async () => {
    const message = await sealed();
    await audit.stop();
    const states = new Map([[recipient.receiving.kid, { revokedAt: new Date() }]]);
    audit = await AuditInstance.start(ground, directory(states));
    expect(await ask(message)).toMatchObject({ $case: 'refused', value: { code: 'KEY_REVOKED', final: true } });
    await audit.stop();
    audit = await AuditInstance.start(ground, directory());
  });

  it('a signing key revoked before the message was accepted, and not one revoked after', async () => {
    const early = await sealed();
    const late = await sealed();
    const revokedAt = new Date();
    await audit.stop();
    audit = await AuditInstance.start(ground, directory(new Map([[sender.signing.kid, { revokedAt }]])));
    const before = { accepted: acceptedEvent(early, new Date(revokedAt.getTime() - 500)) };
    const after = { accepted: acceptedEvent(late, new Date(revokedAt.getTime() + 1)) };
    expect(await ask(early, { item: before })).toMatchObject({ $case: 'released' });
    expect(await ask(late, { item: after })).toMatchObject({ value: { code: 'SIGNATURE_INVALID' } });
    await audit.stop();
    audit = await AuditInstance.start(ground, directory());
  });

  it('what consent refuses, with consent’s reason', async () => {
    const message = await sealed();
    const item = await releaseItem(ground, recipient, message);
    const refusal = await signPermitRefusal(
      {
        manifestHash: message.message.manifestHash,
        releaseRequestHash: unwrap(readReleaseRequest(item.releaseRequest)).hash,
        code: 'CONSENT_USED_UP',
        final: true,
        iat: numericDate(new Date()),
      },
      ground.permitKey,
    );
    const refused = { ...item, decision: { $case: 'permitRefusal' as const, value: refusal } };
    const [result] = await audit.release(refused);
    expect(result).toMatchObject({ $case: 'refused', value: { code: 'CONSENT_USED_UP', final: true } });
    const size = await logSize();
    await audit.release(refused);
    expect(await logSize()).toBe(size);
    const [fact] = await releaseFacts(message.message.manifestHash);
    expect(fact).toMatchObject({ type: 'release-refused', code: 'CONSENT_USED_UP', final: true, sender: sender.id });
  });

  it('a message that the log says has ended', async () => {
    const message = await sealed();
    const ended = { ...acceptedEvent(message), type: 'message-expired', evidence: [], receiptFor: '' };
    const prepared = unwrap(await audit.preparer.prepare(ended, topics.exchangeEvents));
    await audit.appender.append(plainProposal([prepared]));
    expect(await ask(message)).toMatchObject({ value: { code: 'MESSAGE_FINAL', final: true } });
  });

  it('everything while its store is down', async () => {
    const message = await sealed();
    const item = await releaseItem(ground, recipient, message);
    const nowhere = (): pg.Client => new pg.Client({ connectionString: 'postgresql://nobody@127.0.0.1:9/none' });
    const cutOff = await AuditInstance.start(ground, directory(), { connect: nowhere });
    const [result] = await cutOff.release(item);
    expect(result).toMatchObject({ $case: 'refused', value: { code: 'UNAVAILABLE', final: false } });
    await cutOff.stop();
  });
});

describe('a withdrawal', () => {
  it('logged between permit and commit stops the release although the permit is valid', async () => {
    const id = newConsentId();
    await logConsent(id, 'consent-recorded');
    const message = await sealed({ basis: consentBasis(id) });
    const item = await releaseItem(ground, recipient, message);
    await logConsent(id, 'consent-withdrawn');
    const [result] = await audit.release(item);
    expect(result).toMatchObject({ value: { code: 'CONSENT_WITHDRAWN', final: true } });
  });

  it('stops the repetition of a release as well, with the old jti and with a new one', async () => {
    const id = newConsentId();
    await logConsent(id, 'consent-recorded');
    const message = await sealed({ basis: consentBasis(id) });
    const item = await releaseItem(ground, recipient, message);
    await given((await audit.release(item))[0], message.message);
    await logConsent(id, 'consent-withdrawn');
    expect((await audit.release(item))[0]).toMatchObject({ value: { code: 'CONSENT_WITHDRAWN' } });
    expect(await ask(message)).toMatchObject({ value: { code: 'CONSENT_WITHDRAWN' } });
  });

  it('and a release at the same moment have one order, in the log and in the answer', async () => {
    for (let round = 0; round < 10; round += 1) {
      const id = newConsentId();
      await logConsent(id, 'consent-recorded');
      const message = await sealed({ basis: consentBasis(id) });
      const item = await releaseItem(ground, recipient, message);
      const before = await logSize();
      const [[result]] = await Promise.all([audit.release(item), logConsent(id, 'consent-withdrawn')]);
      const types = await typesFrom(before);
      const released = types.indexOf('message-released');
      if (result?.$case === 'released') expect(released).toBeLessThan(types.indexOf('consent-withdrawn'));
      else expect(released).toBe(-1);
    }
  });
});

describe('a fact from elsewhere', () => {
  it('never says that something was released', async () => {
    const forged = { ...acceptedEvent(await sealed()), type: 'message-released' };
    expect(await audit.preparer.prepare(forged, topics.exchangeEvents)).toMatchObject({ error: { code: 'MALFORMED' } });
  });

  it('is asserted by the agency only where its own signature says the same', async () => {
    const message = await sealed();
    const bodies = await Promise.all(
      [
        acceptedEvent(message),
        { ...acceptedEvent(message), recipient: third.id },
        { ...acceptedEvent(message), subjects: ['p1.' + 'x'.repeat(43)] },
        { ...acceptedEvent(message), basisJson: JSON.stringify([statuteBasis([12])]) },
        { ...acceptedEvent(message), evidence: [] },
        { ...acceptedEvent(message), evidence: [{ kind: 'manifest', token: (await sealed()).message.manifest }] },
      ].map(async (record) => {
        const prepared = unwrap(await audit.preparer.prepare(record, topics.exchangeEvents));
        const { leaves } = await audit.appender.append(plainProposal([prepared]));
        const opening = (await audit.openings.read(leaves)).get(leaves[0] ?? -1);
        return unwrap(parseLogBody(JSON.parse(opening?.body ?? '{}')));
      }),
    );
    expect(bodies.map(({ assertedBy }) => assertedBy)).toEqual(['agency', 'hub', 'hub', 'hub', 'hub', 'hub']);
  });

  it('brings the sender a receipt that only the sender opens', async () => {
    const message = await sealed();
    const record = acceptedEvent(message);
    const prepared = unwrap(await audit.preparer.prepare(record, topics.exchangeEvents));
    await audit.appender.append(plainProposal([prepared]));
    const { rows } = await audit.database.pool.query<{ payload: Buffer }>(
      'SELECT payload FROM audit.outbox ORDER BY tx DESC, id DESC LIMIT 1',
    );
    const { event } = AuditEvent.decode(rows[0]?.payload ?? Buffer.alloc(0));
    const entry = event?.$case === 'logged' ? event.value.entries[0] : undefined;
    if (!entry?.receipt) throw new Error('no receipt');
    const { receipt } = entry;
    const opening = unwrap(await openReleasedKey(receipt.opening, sender.receiving));
    expect(opening.contentKey).toBeUndefined();
    const verified = verifyReceipt({
      receipt: {
        leafIndex: Number(receipt.leafIndex),
        inclusionProof: receipt.inclusionProof.map((hash) => hash.toString('base64')),
        checkpoint: receipt.checkpoint,
        places: receipt.places.toString('base64url'),
      },
      opening,
      logVerifier: ground.logKey.verifier,
      expected: {
        manifestHash: message.message.manifestHash,
        type: 'message-accepted',
        eventId: record.eventId as never,
      },
    });
    expect(verified).toMatchObject({ ok: true });
    expect(await openReleasedKey(receipt.opening, third.receiving)).toMatchObject({ ok: false });
  });
});

describe('the leaf of an entry', () => {
  it('shows nobody whom it concerns', async () => {
    const body = {
      v: 1,
      eventId: '0'.repeat(32),
      type: 'message-delivered',
      at: new Date().toISOString(),
      sender: agencyId('K-235'),
      assertedBy: 'hub',
    };
    const entry = entryOf(prepareOpaque(unwrap(parseLogBody(body)), ground.kek), Buffer.alloc(32));
    expect(entry.toString('latin1')).not.toContain('K-235');
    expect(entry).toHaveLength(1 + 16 + 32 + 32);
  });
});
