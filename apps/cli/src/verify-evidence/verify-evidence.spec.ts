import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateSigningKey, readReleaseRequest } from '#envelope';
import { agencyId, unwrap } from '#kernel';
import { pieceNames } from '../domain/evidence-bundle.js';
import { packEvidence, unpackEvidence } from '../infra/evidence-file.js';
import { SmallLog } from '../testing/small-log.fixture.js';
import { SmallTransfer } from '../testing/transfer.fixture.js';
import { TestWitnesses, type WitnessName } from '../testing/witnesses.fixture.js';
import { verifyEvidence } from './verify-evidence.js';

type Pieces = Map<string, Uint8Array>;

describe('an evidence bundle', () => {
  let folder: string;
  let transfer: SmallTransfer;
  let pieces: Pieces;
  /** Consent recorded, message accepted, message opened. */
  let consent: number;
  let accepted: number;
  let opened: number;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'evidence-'));
    transfer = await SmallTransfer.make();
    await transfer.exportTo(join(folder, 'log'));
    const made = await transfer.bundle({
      receipts: [JSON.stringify(transfer.log.receipt(transfer.lines[2]!.index, 320))],
    });
    pieces = new Map(made.pieces);
    [consent = -1, accepted = -1, opened = -1] = transfer.lines.map(({ index }) => index);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const text = (name: string): string => Buffer.from(pieces.get(name) ?? []).toString('utf8');
  const faultsOf = async (altered: Pieces): Promise<string[]> =>
    (await verifyEvidence(altered)).faults.map(({ kind, piece }) => `${kind} ${piece}`);
  const with_ = (name: string, content: string | Uint8Array): Pieces =>
    new Map(pieces).set(name, typeof content === 'string' ? Buffer.from(content) : content);
  const without = (name: string): Pieces => {
    const fewer = new Map(pieces);
    fewer.delete(name);
    return fewer;
  };
  const flipped = (name: string): Pieces => {
    const bytes = Buffer.from(pieces.get(name) ?? []);
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = bytes[middle]! ^ 0x01;
    return with_(name, bytes);
  };

  it('proves a transfer with nothing else at hand', async () => {
    const report = await verifyEvidence(pieces);
    expect(report.faults).toEqual([]);
    expect(report.transfer?.entries.map(({ body }) => body.type)).toEqual([
      'consent-recorded',
      'message-accepted',
      'message-released',
    ]);
    expect(report.transfer?.statements.map(({ kind, signer }) => [kind, signer])).toEqual([
      ['consent', 'K-235'],
      ['manifest', 'H-03'],
      ['permit', 'consent'],
      ['release-request', 'K-235'],
    ]);
  });

  it('is one file, the same bytes each time it is made of the same pieces', async () => {
    const again = await transfer.bundle();
    expect(packEvidence(again.pieces).equals(packEvidence((await transfer.bundle()).pieces))).toBe(true);
    const unpacked = unwrap(unpackEvidence(packEvidence(pieces)));
    expect((await verifyEvidence(unpacked)).ok).toBe(true);
    expect([...unpacked.keys()].slice(0, 3)).toEqual([pieceNames.readMe, pieceNames.page, pieceNames.index]);
  });

  it('is refused under another log key than the one that is known', async () => {
    const report = await verifyEvidence(pieces, { verifierKey: new SmallLog().verifierKey });
    expect(report.faults.map(({ kind }) => kind)).toEqual(['checkpoint-invalid']);
  });

  it('is proved where a next key of the log was withdrawn since, and where it is made afterwards, under no signature of that key', async () => {
    const withdrawing = await SmallTransfer.make();
    const { log } = withdrawing;
    await withdrawing.exportTo(join(folder, 'before-withdrawal'));
    const before = (await withdrawing.bundle()).pieces;
    const lost = await log.withdrawKey();
    await withdrawing.exportTo(join(folder, 'withdrawn'));
    const afterwards = await withdrawing.bundle();
    expect(afterwards.report.faults).toEqual([]);
    const next = await log.changeKey();
    await withdrawing.exportTo(join(folder, 'withdrawn-and-changed'));
    const changed = (await withdrawing.bundle()).pieces;
    const faultsBy = async (made: Pieces, verifierKey: string): Promise<string[]> =>
      (await verifyEvidence(made, { verifierKey })).faults.map(({ kind }) => kind);
    for (const made of [before, afterwards.pieces, changed])
      expect(await faultsBy(new Map(made), log.verifierKey)).toEqual([]);
    expect(await faultsBy(new Map(changed), next.verifierKey)).toEqual([]);
    const forged = new Map(afterwards.pieces).set(pieceNames.checkpoint, Buffer.from(log.signedBy(lost.signer)));
    expect(await faultsBy(forged, log.verifierKey)).toContain('checkpoint-invalid');
  });

  it('is proved by the first key and by the newest of a log that has changed it, whichever its maker knew', async () => {
    const changed = await SmallTransfer.make();
    const receipts = [JSON.stringify(changed.log.receipt(changed.lines[2]!.index))];
    const next = await changed.log.changeKey();
    await changed.exportTo(join(folder, 'changed'));
    const { pieces: made, report } = await changed.bundle({ receipts });
    expect(report.faults).toEqual([]);
    for (const verifierKey of [changed.log.verifierKey, next.verifierKey])
      expect((await verifyEvidence(made, { verifierKey })).faults).toEqual([]);
    const cut = new Map(made);
    cut.delete(pieceNames.logKeys);
    expect((await verifyEvidence(cut, { verifierKey: changed.log.verifierKey })).ok).toBe(false);
  });

  it('shows every piece that was removed, by its name', async () => {
    for (const name of pieces.keys()) {
      const report = await verifyEvidence(without(name));
      expect(report.faults.map((fault) => fault.piece)).toContain(name);
      expect(report.faults.map(({ kind }) => kind)).toContainEqual(
        expect.stringMatching(/^(piece-missing|statement-missing|bundle-unreadable)$/),
      );
    }
  });

  it('shows every piece in which one bit was changed, by its name', async () => {
    for (const name of pieces.keys()) {
      const { ok, faults } = await verifyEvidence(flipped(name));
      expect({ name, ok }).toEqual({ name, ok: false });
      // An entry and its proof stand for each other; bundle.json and the key say what all others must be.
      const place = name.replace(/[.](entry|tlog-proof)$/, '').replace(/[.](consistency|json)$/, '');
      const general: readonly string[] = [pieceNames.index, pieceNames.verifierKey];
      if (!general.includes(name)) expect(faults.map(({ piece }) => piece).join(' ')).toContain(place);
    }
  });

  it('names a body that was edited', async () => {
    const name = pieceNames.body(opened);
    expect(await faultsOf(with_(name, text(name).replace('w-17', 'w-18')))).toContain(`body-changed ${name}`);
  });

  it('names the proof of another entry, also one that claims to be of this', async () => {
    const [name, other] = [pieceNames.proof(opened), text(pieceNames.proof(accepted))];
    expect(await faultsOf(with_(name, other))).toContain(`proof-of-another-entry ${name}`);
    const renamed = other.replace(`index ${accepted}`, `index ${opened}`);
    expect(await faultsOf(with_(name, renamed))).toContain(`proof-invalid ${name}`);
  });

  it('names a proof under another checkpoint', async () => {
    const name = pieceNames.proof(opened);
    const shorter = transfer.log.checkpoint(opened + 1);
    const altered = text(name).replace(/\n\n[^]*$/, `\n\n${shorter}`);
    expect(await faultsOf(with_(name, altered))).toContain(`checkpoint-differs ${name}`);
  });

  it('names a permit of another message and one of another request', async () => {
    const name = pieceNames.statement(opened, 'permit');
    const foreign = await transfer.message({ categories: [12] });
    const request = unwrap(readReleaseRequest(text(pieceNames.statement(opened, 'release-request'))));
    const permit = await transfer.permit(foreign.hash, request.hash);
    expect(await faultsOf(with_(name, permit))).toContain(`permit-of-another-message ${name}`);
  });

  it('names a permit that somebody else signed as changed: the entry knows the hash of the right one', async () => {
    const name = pieceNames.statement(opened, 'permit');
    const request = unwrap(readReleaseRequest(text(pieceNames.statement(opened, 'release-request'))));
    const forged = await transfer.permit(request.manifestHash, request.hash, await generateSigningKey());
    expect(await faultsOf(with_(name, forged))).toContain(`statement-changed ${name}`);
  });

  it('names a signature that fits no key in the log when the key’s entry is left out', async () => {
    const index = JSON.parse(text(pieceNames.index)) as { keys: number[] };
    for (const [at, leaf] of index.keys.entries()) {
      const altered = with_(
        pieceNames.index,
        JSON.stringify({ ...index, keys: index.keys.filter((_, other) => other !== at) }),
      );
      altered.delete(pieceNames.entry(leaf));
      altered.delete(pieceNames.proof(leaf));
      expect((await faultsOf(altered)).join(' ')).toContain('key-not-in-log');
    }
  });

  it('names the basis that is not shown when the consent is left out', async () => {
    const altered = with_(pieceNames.index, text(pieceNames.index).replace(new RegExp(`\\b${consent},\\s*`), ''));
    for (const name of [...altered.keys()].filter((key) => key.startsWith(`entries/${consent}.`))) altered.delete(name);
    expect(await faultsOf(altered)).toContain(`basis-not-shown ${pieceNames.body(opened)}`);
  });

  it('names an entry that was left out by its number in the exchange', async () => {
    const altered = with_(pieceNames.index, text(pieceNames.index).replace(new RegExp(`\\b${accepted},\\s*`), ''));
    for (const name of [...altered.keys()].filter((key) => key.startsWith(`entries/${accepted}.`)))
      altered.delete(name);
    expect(await faultsOf(altered)).toContain(`entry-missing ${pieceNames.body(opened)}`);
  });

  it('names what was put in beside', async () => {
    expect(await faultsOf(with_('entries/7.note.txt', 'trust me'))).toEqual(['piece-unexpected entries/7.note.txt']);
  });

  it('names a page that says something else than the evidence', async () => {
    const other = await (async () => {
      const made = await transfer.bundle({ madeBy: agencyId('A-OTHER') });
      return made.pieces.get(pieceNames.page) ?? Buffer.alloc(0);
    })();
    expect(await faultsOf(with_(pieceNames.page, other))).toEqual([`page-changed ${pieceNames.page}`]);
  });

  it('names a receipt of another log', async () => {
    const other = new SmallLog();
    other.addOpaque();
    const receipt = JSON.stringify(other.receipt(0));
    expect(await faultsOf(with_(pieceNames.receipt(0), receipt))).toContain(`receipt-invalid ${pieceNames.receipt(0)}`);
    expect(await faultsOf(with_(pieceNames.growth(0), ''))).toContain(
      `receipt-of-another-tree ${pieceNames.growth(0)}`,
    );
  });

  describe('read by somebody who knows which operators must have cosigned', () => {
    const cosignedBy = async (...by: WitnessName[]) => {
      const witnesses = new TestWitnesses(transfer.log.verifier);
      const note = witnesses.cosigned(transfer.log.checkpoint(opened + 3), ...by);
      const { pieces: made, report } = await transfer.bundle({ note, policy: witnesses.policy });
      return { made, report, witnesses };
    };

    it('is witnessed by a checkpoint that both cosigned, though the log has grown since', async () => {
      const { made, witnesses } = await cosignedBy('kauniainen', 'kela');
      expect(await verifyEvidence(made, { policy: witnesses.policy })).toMatchObject({
        ok: true,
        witnessed: { size: opened + 3, by: ['kauniainen', 'kela'], at: '2026-11-22T10:00:00.000Z' },
      });
    });

    it.each([
      ['nobody', []],
      ['one operator', ['kela']],
      ['one operator by two witnesses: it counts once', ['kauniainen', 'espoo']],
    ] as const)('is told not to be witnessed when cosigned by %s', async (_, by) => {
      const { made, report, witnesses } = await cosignedBy(...by);
      const faults = [{ kind: 'checkpoint-unwitnessed', code: 'LOG_NOT_WITNESSED', piece: pieceNames.checkpoint }];
      expect(await verifyEvidence(made, { policy: witnesses.policy })).toMatchObject({ ok: false, faults });
      expect(report).toMatchObject({ ok: false, faults });
      expect(await verifyEvidence(made)).toMatchObject({ ok: true });
    });

    it('is told not to be witnessed when others cosigned than the reader knows', async () => {
      const { made } = await cosignedBy('kauniainen', 'kela');
      const { policy } = new TestWitnesses(transfer.log.verifier);
      expect((await verifyEvidence(made, { policy })).faults.map(({ kind }) => kind)).toEqual([
        'checkpoint-unwitnessed',
      ]);
    });

    it('does not count a cosignature from the future', async () => {
      const { made, witnesses } = await cosignedBy('kauniainen', 'kela');
      const report = await verifyEvidence(made, { policy: witnesses.policy, now: new Date('2026-11-22T09:59:59Z') });
      expect(report.faults.map(({ kind }) => kind)).toEqual(['checkpoint-unwitnessed']);
    });

    it('is told when a line is not of the witness whose key it names', async () => {
      const { made, witnesses } = await cosignedBy('kauniainen', 'kela');
      const note = Buffer.from(made.get(pieceNames.checkpoint) ?? []).toString('utf8');
      const forged = new Map(made).set(pieceNames.checkpoint, Buffer.from(note.replace(/.{8}\n$/, 'AAAAAA==\n')));
      const { faults } = await verifyEvidence(forged, { policy: witnesses.policy });
      expect(faults).toContainEqual(
        expect.objectContaining({ kind: 'checkpoint-invalid', piece: pieceNames.checkpoint }),
      );
    });
  });

  it('is none when it is a damaged or another file', () => {
    const bytes = packEvidence(pieces);
    expect(unpackEvidence(bytes.subarray(0, bytes.length / 2))).toMatchObject({ error: { code: 'MALFORMED' } });
    expect(unpackEvidence(Buffer.from('no zip'))).toMatchObject({ error: { code: 'MALFORMED' } });
  });
});
