import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { agencyId, sha256 } from '#kernel';
import type { DisclosureView } from '../domain/disclosure-view.js';
import { exportFiles } from '../domain/entries-export.js';
import { SmallLog, withTemporaryFolder } from '../testing/small-log.fixture.js';
import { runReconciliation } from './run-reconciliation.js';

const [a, b] = [agencyId('K-235'), agencyId('H-03')];
const [one, two, three] = [sha256('1'), sha256('2'), sha256('3')];
const view = (members: Partial<DisclosureView> = {}): DisclosureView => ({
  v: 1,
  agency: a,
  counterpart: b,
  sent: [one],
  received: [two],
  ...members,
});
const theirs = (members: Partial<DisclosureView> = {}): DisclosureView =>
  view({ agency: b, counterpart: a, sent: [two], received: [one], ...members });

const reconciled = (mine: unknown, other: unknown) =>
  withTemporaryFolder(async (folder) => {
    const [first, second] = [join(folder, 'a.json'), join(folder, 'b.json')];
    await writeFile(first, JSON.stringify(mine));
    await writeFile(second, JSON.stringify(other));
    return runReconciliation({ first, second });
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

  it('are taken from exports of a period, which have their entries alone', () =>
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
      const [first, second] = [await exported('a', log.bodies), await exported('b', log.bodies.slice(0, 1))];
      expect(await runReconciliation({ first, second, between: [a, b] })).toMatchObject({
        data: { matched: 1, unmatched: [{ knownTo: a, unknownTo: b, direction: 'received', hash: two }] },
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
});
