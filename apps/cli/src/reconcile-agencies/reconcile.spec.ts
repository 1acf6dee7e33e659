import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type DisclosureView, type SigningKey, disclosureViewHash, generateSigningKey, signStatement } from '#envelope';
import { type AgencyId, agencyId, numericDate, sha256, unwrap } from '#kernel';
import { openCheckpoint } from '#merkle';
import { type PlacedLine, exportFiles } from '../domain/entries-export.js';
import { exportEntries } from '../export-entries/export-entries.js';
import { keysInLog } from '../infra/keys-in-log.js';
import { LogFolder } from '../infra/log-folder.js';
import { SmallLog, withTemporaryFolder } from '../testing/small-log.fixture.js';
import type { KnownKeys } from './agency-view.js';
import { runReconciliation } from './run-reconciliation.js';

const [a, b] = [agencyId('K-235'), agencyId('H-03')];
const [one, two, three] = [sha256('1'), sha256('2'), sha256('3')];
const view = (members: Partial<DisclosureView> = {}): DisclosureView => ({
  v: 1,
  agency: a,
  counterpart: b,
  sent: [one],
  received: [two],
  ended: [],
  ...members,
});
const theirs = (members: Partial<DisclosureView> = {}): DisclosureView =>
  view({ agency: b, counterpart: a, sent: [two], received: [one], ...members });

const reconciled = (mine: unknown, other: unknown, known?: KnownKeys) =>
  withTemporaryFolder(async (folder) => {
    const [first, second] = [join(folder, 'a.json'), join(folder, 'b.json')];
    await writeFile(first, JSON.stringify(mine));
    await writeFile(second, JSON.stringify(other));
    return runReconciliation({ first, second, ...(known && { known }) });
  });

describe('two agencies’ views of what went between them', () => {
  it('fit when each knows what the other sent and received', async () => {
    expect(await reconciled(view(), theirs())).toMatchObject({ ok: true, data: { matched: 2, unmatched: [] } });
  });

  it('list what is missing at one side, by the side that knows it', async () => {
    expect(await reconciled(view(), theirs({ received: [] }))).toMatchObject({
      ok: false,
      data: { matched: 1, unmatched: [{ knownTo: a, unknownTo: b, direction: 'sent', hash: one }] },
    });
  });

  it('list what one side has too much', async () => {
    expect(await reconciled(view(), theirs({ received: [one, three], sent: [two] }))).toMatchObject({
      ok: false,
      data: { unmatched: [{ knownTo: b, unknownTo: a, direction: 'received', hash: three }] },
    });
  });

  it('do not mistake what was sent for what was received', async () => {
    const outcome = await reconciled(view({ sent: [one], received: [] }), theirs({ sent: [one], received: [] }));
    expect(outcome.data).toMatchObject({ unmatched: [{ knownTo: a }, { knownTo: b }] });
  });

  it('match what was withdrawn before it was delivered, by the sender’s word, as that and not as known to both', async () => {
    const ended = [{ hash: one, as: 'withdrawn' as const }];
    const outcome = await reconciled(view({ ended }), theirs({ received: [] }));
    expect(outcome).toMatchObject({
      ok: true,
      data: { matched: 1, unmatched: [], endedBefore: [{ sender: a, recipient: b, as: 'withdrawn', hash: one }] },
    });
    // Nobody withdraws what another one sent.
    expect(await reconciled(view({ sent: [] }), theirs({ ended }))).toMatchObject({
      ok: false,
      data: { unmatched: [{ knownTo: b, direction: 'received', hash: one }] },
    });
    // It was delivered before.
    expect(await reconciled(view({ ended }), theirs())).toMatchObject({ data: { matched: 2, endedBefore: [] } });
  });

  it('are refused when they are of other agencies, or no views', async () => {
    await expect(reconciled(view(), theirs({ counterpart: agencyId('L-KELA') }))).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    await expect(reconciled(view(), { ...theirs(), sent: ['Pekka Päättäjä'] })).rejects.toMatchObject({
      code: 'MALFORMED',
    });
  });

  it('are taken from each side’s own export of the log too', () =>
    withTemporaryFolder(async (folder) => {
      const log = new SmallLog();
      const said = { type: 'message-released', sender: a, recipient: b } as const;
      log.addOpaque({ ...said, manifestHash: one });
      log.addOpaque({ ...said, type: 'message-re-released', manifestHash: one });
      log.addOpaque({ type: 'message-released', sender: b, recipient: a, manifestHash: two });
      log.addOpaque({ type: 'message-accepted', sender: b, recipient: a, manifestHash: three });
      const [first, second] = [join(folder, 'a'), join(folder, 'b')];
      await log.export(first);
      log.bodies.splice(2, 1);
      await log.export(second);
      expect(await runReconciliation({ first, second, between: [a, b] })).toMatchObject({
        ok: false,
        data: { matched: 1, unmatched: [{ knownTo: a, unknownTo: b, direction: 'received', hash: two }] },
      });
    }));

  it('are not believed from an export of a period that is not proved', () =>
    withTemporaryFolder(async (folder) => {
      const log = new SmallLog();
      log.addOpaque({ type: 'message-released', sender: a, recipient: b, manifestHash: one });
      log.addOpaque({ type: 'message-released', sender: b, recipient: a, manifestHash: two });
      const exported = async (name: string, bodies: readonly unknown[]): Promise<string> => {
        await mkdir(join(folder, name));
        const lines = bodies.map((line) => `${JSON.stringify(line)}\n`).join('');
        await writeFile(join(folder, name, exportFiles.entries), lines);
        return join(folder, name);
      };
      const [first, second] = [await exported('a', log.bodies), await exported('b', log.bodies)];
      expect(await runReconciliation({ first, second, between: [a, b] })).toMatchObject({
        ok: false,
        data: { matched: 2, unmatched: [], sides: [{ kind: 'incomplete' }, { kind: 'incomplete' }] },
      });
    }));

  it('are of all that went between them where one side’s agent says so, opened or not', () =>
    withTemporaryFolder(async (folder) => {
      const log = new SmallLog();
      log.addOpaque({ type: 'message-accepted', sender: a, recipient: b, manifestHash: one });
      log.addOpaque({ type: 'message-delivered', sender: b, recipient: a, manifestHash: two });
      log.addOpaque({ type: 'message-released', sender: b, recipient: a, manifestHash: two });
      const [first, second] = [join(folder, 'a'), join(folder, 'b.json')];
      await log.export(first);
      await writeFile(second, JSON.stringify(theirs()));
      expect(await runReconciliation({ first, second, between: [a, b] })).toMatchObject({
        ok: true,
        data: { matched: 2, unmatched: [] },
      });
    }));

  it('from an export count as ended what the log says ended before it was delivered', () =>
    withTemporaryFolder(async (folder) => {
      const log = new SmallLog();
      const said = { sender: a, recipient: b } as const;
      for (const manifestHash of [one, two]) log.addOpaque({ ...said, type: 'message-accepted', manifestHash });
      log.addOpaque({ ...said, type: 'message-delivered', manifestHash: two });
      for (const manifestHash of [one, two]) log.addOpaque({ ...said, type: 'message-withdrawn', manifestHash });
      const [first, second] = [join(folder, 'a'), join(folder, 'b.json')];
      await log.export(first);
      await writeFile(second, JSON.stringify(theirs({ sent: [], received: [] })));
      expect(await runReconciliation({ first, second, between: [a, b] })).toMatchObject({
        ok: false,
        data: { endedBefore: [{ as: 'withdrawn', hash: one }], unmatched: [{ knownTo: a, hash: two }] },
      });
    }));
});

describe('what vouches for a view', () => {
  const at = new Date('2026-11-22T10:00:00Z');
  const signed = async (said: DisclosureView, key: SigningKey, about = said): Promise<object> => {
    const { v, agency, counterpart } = said;
    const word = { v, agency, counterpart, viewHash: disclosureViewHash(about), iat: numericDate(at) };
    return { ...said, statement: await signStatement('disclosure-view', word, key) };
  };
  const keyRecord = (agency: AgencyId, key: SigningKey): Promise<string> =>
    signStatement(
      'agency-key',
      {
        v: 1,
        agency,
        use: 'signing',
        jwk: key.publicJwk,
        notBefore: '2026-01-01T00:00:00Z',
        notAfter: '2028-01-01T00:00:00Z',
        iat: numericDate(new Date('2026-01-01T00:00:00Z')),
      },
      key,
    );
  const standings = ({ data }: { readonly data: unknown }): string[] =>
    (data as { sides: { kind: string; code?: string }[] }).sides.map(({ kind, code }) => [kind, code].join(' ').trim());
  const keysOfLog = async (log: SmallLog, folder: string): Promise<KnownKeys> => {
    const files = await log.export(join(folder, 'log'));
    return { verifierKey: log.verifierKey, agencies: await keysInLog({ files, verifier: log.verifier }) };
  };

  it('is its agency’s signature, by a key in the log; one that is wrong, another’s or missing is said', () =>
    withTemporaryFolder(async (folder) => {
      const [ofA, ofB, stranger] = await Promise.all([1, 2, 3].map(() => generateSigningKey()));
      const log = SmallLog.ofSize(300);
      log.addRecord({ type: 'agency-key', record: await keyRecord(a, ofA!) });
      log.addRecord({ type: 'agency-key', record: await keyRecord(b, ofB!) });
      const known = await keysOfLog(log, folder);
      const [mine, other] = [await signed(view(), ofA!), await signed(theirs(), ofB!)];
      const right = await reconciled(mine, other, known);
      expect([right.ok, ...standings(right)]).toEqual([true, 'signed', 'signed']);
      for (const [wrong, said] of [
        [await signed(theirs(), stranger!), 'signature-wrong KEY_NOT_LOGGED'],
        [await signed(theirs(), ofA!), 'signature-wrong KEY_NOT_LOGGED'],
        [await signed(theirs(), ofB!, view()), 'signature-wrong SIGNATURE_INVALID'],
        [theirs(), 'unsigned'],
      ] as const) {
        const outcome = await reconciled(mine, wrong, known);
        expect([outcome.ok, ...standings(outcome)]).toEqual([false, 'signed', said]);
      }
      const unverified = await reconciled(mine, theirs());
      expect([unverified.ok, ...standings(unverified)]).toEqual([true, 'signature-unverified', 'unsigned']);
      expect(unverified.lines.join()).toContain('NOT SIGNED');
    }));

  it('is not a key of a log whose entries lead to another root than the signed one', () =>
    withTemporaryFolder(async (folder) => {
      const [log, other] = [SmallLog.ofSize(20), SmallLog.ofSize(20)];
      const files = await log.export(join(folder, 'log'));
      await writeFile(join(folder, 'log', 'checkpoint'), log.checkpointWith(20, other.root));
      await expect(keysInLog({ files, verifier: log.verifier })).rejects.toMatchObject({ code: 'LOG_INCONSISTENT' });
    }));

  it('is, of an export for a period, the proof that nothing of its agency’s chain is left out', () =>
    withTemporaryFolder(async (folder) => {
      const log = new SmallLog();
      const loggedAt = (second: number): string => new Date(at.getTime() + second * 1_000).toISOString();
      const placed = { [a]: [] as PlacedLine[], [b]: [] as PlacedLine[] };
      for (const second of [0, 1, 2, 3, 4]) {
        const manifestHash = sha256(String(second));
        const said = { type: 'message-released', sender: a, recipient: b, manifestHash } as const;
        // One entry, in both chains.
        const { place, ...line } = log.addPlaced(said, loggedAt(second), a);
        placed[a]!.push({ ...line, place });
        placed[b]!.push({ ...line, place: log.placeIn(b, line.index) });
      }
      const whole = new LogFolder(join(folder, 'log'));
      await log.export(whole.path);
      const exported = async (of: AgencyId, name: string = of): Promise<string> => {
        const lines = placed[of]!;
        const after = lines.at(-1)!;
        const bound = { index: after.index, entry: log.entries[after.index]!.toString('base64'), place: after.place };
        await exportEntries({
          folder: join(folder, name),
          madeBy: of,
          chain: of,
          from: loggedAt(0),
          until: loggedAt(4),
          now: new Date('2027-01-01T00:00:00Z'),
          table: false,
          page: async () => ({ lines: lines.slice(0, -1), erased: [], after: bound }),
          checkpointOver: async () => ({
            checkpoint: unwrap(openCheckpoint(log.checkpoint(), log.verifier)),
            published: log.size,
          }),
          log: whole,
          verifierKey: log.verifierKey,
        });
        return join(folder, name);
      };
      const [first, second] = [await exported(a), await exported(b)];
      const both = await runReconciliation({ first, second, between: [a, b] });
      expect([both.ok, ...standings(both)]).toEqual([true, 'complete', 'complete']);
      expect(both.data).toMatchObject({ matched: 4, unmatched: [] });
      const swapped = await runReconciliation({ first: second, second, between: [a, b] });
      expect([swapped.ok, ...standings(swapped)]).toEqual([false, 'incomplete', 'complete']);
      const entries = join(second, exportFiles.entries);
      const text = await readFile(entries, 'utf8');
      await writeFile(entries, text.split('\n').toSpliced(1, 1).join('\n'));
      const lacking = await runReconciliation({ first, second, between: [a, b] });
      expect([lacking.ok, ...standings(lacking)]).toEqual([false, 'complete', 'incomplete']);
      expect(lacking.lines.join()).toContain('entry-missing 2');
    }));
});
