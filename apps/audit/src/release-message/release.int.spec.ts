import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type SealedFor, directoryOf, party, sealedMessage, type Party } from '../testing/parties.fixture.js';
import { AuditGround, AuditInstance, releaseItem } from '../testing/audit.fixture.js';
import { importVerificationKey, openMessage, openReleasedKey, verifyReceipt } from '#envelope';
import { unwrap } from '#kernel';

let ground: AuditGround;
let audit: AuditInstance;
let sender: Party;
let recipient: Party;

beforeAll(async () => {
  ground = await AuditGround.lay();
  [sender, recipient] = await Promise.all([party('H-03'), party('K-235')]);
  audit = await AuditInstance.start(ground, directoryOf([sender, recipient]));
});

afterAll(async () => {
  await audit.stop();
  await ground.clear();
});

const sealed = (): Promise<SealedFor> => sealedMessage(sender, recipient, ground.releaseKey);

describe('a release', () => {
  it('gives the one-time key with a receipt that proves its own leaf', async () => {
    const { context, message } = await sealed();
    const [result] = await audit.release(await releaseItem(ground, recipient, { context, message }));
    if (result?.$case !== 'released' || !result.value.receipt) throw new Error(JSON.stringify(result));
    const { receipt } = result.value;
    const released = unwrap(await openReleasedKey(receipt.opening, recipient.receiving));
    const verified = unwrap(
      verifyReceipt({
        receipt: {
          leafIndex: Number(receipt.leafIndex),
          inclusionProof: receipt.inclusionProof.map((hash) => hash.toString('base64')),
          checkpoint: receipt.checkpoint,
        },
        opening: released,
        logVerifier: ground.logKey.verifier,
        expected: { manifestHash: message.manifestHash, type: 'message-released' },
      }),
    );
    expect(verified.checkpoint.size).toBe(2);
    const opened = unwrap(
      await openMessage({
        ...message,
        contentKey: released.contentKey ?? Buffer.alloc(0),
        receivingKey: recipient.receiving,
        senderKey: unwrap(await importVerificationKey(sender.signing.publicJwk)),
      }),
    );
    expect(opened.content).toEqual({ need: 'ä' });
  });
});
