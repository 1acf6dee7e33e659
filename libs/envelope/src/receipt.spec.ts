import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  MemoryTree,
  type NoteSigner,
  type NoteVerifier,
  ed25519NoteSigner,
  formatCheckpoint,
  leafHash,
  parseVerifierKey,
  signCheckpoint,
  verifierKey,
} from '#merkle';
import { canonicalJson, newEventId, unwrap } from '#kernel';
import { codeOf, someHash } from './envelope.fixture.js';
import {
  type ClearRecord,
  type LogBody,
  type Receipt,
  type ReceiptToVerify,
  encodeClearEntry,
  encodeOpaqueEntry,
  verifyReceipt,
} from './index.js';

const origin = 'log.kotovayla.example/2026';

interface Logged {
  readonly body: LogBody;
  readonly commitmentKey: Buffer;
  readonly entry: Buffer;
}

function logged(changes: Partial<LogBody>): Logged {
  const eventId = newEventId();
  const body: LogBody = {
    v: 1,
    eventId,
    type: 'released',
    at: '2026-09-01T10:00:00Z',
    assertedBy: 'agency',
    ...changes,
  };
  const commitmentKey = randomBytes(32);
  return { body, commitmentKey, entry: encodeOpaqueEntry(body.eventId, body, commitmentKey) };
}

function logKey(name = origin): { signer: NoteSigner; verifier: NoteVerifier } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    signer: ed25519NoteSigner(name, privateKey),
    verifier: unwrap(parseVerifierKey(verifierKey(name, publicKey))),
  };
}

describe('receipt', () => {
  const mine = someHash('m');
  const { signer, verifier } = logKey();
  const entries = [
    logged({ type: 'message-accepted', manifestHash: mine }),
    logged({ manifestHash: someHash('o') }),
    logged({ manifestHash: mine }),
    logged({ manifestHash: someHash('p') }),
    logged({ type: 'consent-withdrawn' }),
  ];
  const [, anothers, released] = entries as [Logged, Logged, Logged];
  let tree: MemoryTree;

  beforeAll(() => {
    tree = MemoryTree.of(entries.map(({ entry }) => leafHash(entry)));
  });

  const noteBy = (by: NoteSigner, root = tree.root()): string =>
    signCheckpoint(formatCheckpoint({ origin, size: tree.size, root }), by);
  const receiptOf = (index: number, changes: Partial<Receipt> = {}): Receipt => ({
    leafIndex: index,
    inclusionProof: tree.inclusionProof(index).map((hash) => hash.toString('base64')),
    checkpoint: noteBy(signer),
    ...changes,
  });
  const openingOf = ({ body, commitmentKey }: Logged) => ({ body: canonicalJson(body), commitmentKey });
  const verify = (changes: Partial<ReceiptToVerify> = {}) =>
    verifyReceipt({
      receipt: receiptOf(2),
      opening: openingOf(released),
      logVerifier: verifier,
      expected: { manifestHash: mine, type: 'released' },
      ...changes,
    });

  it('of the release that was asked for', () => {
    const { checkpoint, body } = unwrap(verify());
    expect(body).toEqual(released.body);
    expect(checkpoint).toMatchObject({ origin, size: 5 });
  });

  it("with a correct proof of another release's leaf", () => {
    const other = { receipt: receiptOf(1), opening: openingOf(anothers) };
    expect(codeOf(verify({ ...other, expected: {} }))).toBe('OK');
    expect(codeOf(verify(other))).toBe('LEAF_MISMATCH');
  });

  it("with the opening of another release over my leaf's proof", () => {
    expect(codeOf(verify({ opening: openingOf(anothers) }))).toBe('RECEIPT_INVALID');
  });

  it('of the acceptance instead of the release', () => {
    const accepted = entries[0] as Logged;
    expect(codeOf(verify({ receipt: receiptOf(0), opening: openingOf(accepted) }))).toBe('LEAF_MISMATCH');
  });

  it('of another event about the same message', () => {
    expect(codeOf(verify({ expected: { eventId: newEventId() } }))).toBe('LEAF_MISMATCH');
  });

  it('of an event that names no message at all', () => {
    const consent = entries[4] as Logged;
    expect(codeOf(verify({ receipt: receiptOf(4), opening: openingOf(consent) }))).toBe('LEAF_MISMATCH');
  });

  it('that names another place in the tree', () => {
    expect(codeOf(verify({ receipt: receiptOf(2, { leafIndex: 3 }) }))).toBe('RECEIPT_INVALID');
    expect(codeOf(verify({ receipt: receiptOf(2, { leafIndex: 5 }) }))).toBe('RECEIPT_INVALID');
  });

  it('whose proof is cut, grown or empty', () => {
    const { inclusionProof } = receiptOf(2);
    for (const proof of [inclusionProof.slice(1), [...inclusionProof, inclusionProof[0] ?? ''], []]) {
      expect(codeOf(verify({ receipt: receiptOf(2, { inclusionProof: proof }) }))).toBe('RECEIPT_INVALID');
    }
  });

  it('with a changed body or commitment key', () => {
    const { commitmentKey } = released;
    const body = canonicalJson({ ...released.body, at: '2026-09-01T10:00:01Z' });
    expect(codeOf(verify({ opening: { body, commitmentKey } }))).toBe('RECEIPT_INVALID');
    const opening = { body: canonicalJson(released.body), commitmentKey: randomBytes(32) };
    expect(codeOf(verify({ opening }))).toBe('RECEIPT_INVALID');
  });

  it('with a body that is not canonical or none', () => {
    const { commitmentKey } = released;
    for (const body of [JSON.stringify(released.body, null, 1), '', '{}', 'x']) {
      expect(codeOf(verify({ opening: { body, commitmentKey } }))).toBe('RECEIPT_INVALID');
    }
  });

  it('under a checkpoint of another key of the same name', () => {
    const impostor = logKey();
    expect(codeOf(verify({ receipt: receiptOf(2, { checkpoint: noteBy(impostor.signer) }) }))).toBe(
      'CHECKPOINT_INVALID',
    );
  });

  it('under a checkpoint of another root', () => {
    const checkpoint = noteBy(signer, randomBytes(32));
    expect(codeOf(verify({ receipt: receiptOf(2, { checkpoint }) }))).toBe('RECEIPT_INVALID');
  });

  it('of a leaf in clear, which opens to nothing', () => {
    const record: ClearRecord = { type: 'hub-key', record: 'a.b.c' };
    const eventId = released.body.eventId;
    const clear = MemoryTree.of([leafHash(encodeClearEntry(eventId, record))]);
    const checkpoint = signCheckpoint(formatCheckpoint({ origin, size: 1, root: clear.root() }), signer);
    const receipt = { leafIndex: 0, inclusionProof: [], checkpoint };
    expect(codeOf(verify({ receipt }))).toBe('RECEIPT_INVALID');
  });

  it.each([
    null,
    {},
    { leafIndex: -1, inclusionProof: [], checkpoint: 'x' },
    { leafIndex: 0, inclusionProof: ['A'], checkpoint: 'x' },
  ])('of another shape: %j', (receipt) =>
    expect(codeOf(verify({ receipt: receipt as unknown as Receipt }))).toBe('RECEIPT_INVALID'),
  );
});
