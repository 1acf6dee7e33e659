import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { DisclosureReport } from '#disclosure-report';
import { FixedClock, type Pseudonym, agencyId, newExchangeId } from '#kernel';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { HubSettings } from '../infra/hub-settings.js';
import { openLog } from '../infra/open-log.js';
import { SmallLog, withTemporaryFolder } from '../testing/small-log.fixture.js';
import { runReport } from './run-report.js';

const [anna, boris] = ['A', 'B'].map((letter) => `p1.${letter.repeat(43)}` as Pseudonym) as [Pseudonym, Pseudonym];
const names = {
  names: () => Promise.resolve({ agencyName: String, categoryName: String, purposeName: String }),
};

interface Told {
  readonly outcome: CommandOutcome;
  readonly report: DisclosureReport | undefined;
  readonly isPdf: boolean;
}

/** @param hub which entries of the person it leaves out, or whose chain it answers with instead */
async function account(hub: { leaveOut?: number; insteadOf?: Pseudonym; supervising?: boolean } = {}): Promise<Told> {
  return withTemporaryFolder(async (folder) => {
    const log = new SmallLog();
    const chain = hub.insteadOf ?? anna;
    const at = (second: number): string => new Date(Date.parse('2026-11-22T10:00:00Z') + second * 1_000).toISOString();
    const opened = (subject: Pseudonym, second: number) =>
      log.addPlaced(
        { type: 'message-released', exchangeId: newExchangeId(), subjects: [subject], at: at(second) },
        at(second),
        subject,
      );
    const placed = [0, 1, 2, 3].map((second) => [opened(anna, second), opened(boris, second)][chain === anna ? 0 : 1]!);
    const bound = placed.pop()!;
    await log.export(join(folder, 'log'));
    const shown = placed.filter((_, number) => number !== hub.leaveOut);
    const settings = new HubSettings({ verifierKey: log.verifierKey }, {});
    const answer = {
      entries: shown.map(({ index: leafIndex, ...entry }) => ({ leafIndex, ...entry })),
      after: { leafIndex: bound.index, entry: log.entries[bound.index]!.toString('base64'), place: bound.place },
      searchLeaf: bound.index,
      ...(hub.supervising !== false && { chain }),
      erased: [],
    };
    const target = join(folder, 'account.pdf');
    const outcome = await runReport({
      subject: anna,
      target,
      session: { supervising: hub.supervising !== false, entries: () => Promise.resolve(answer) },
      madeBy: agencyId('A-TSV'),
      names,
      log: await openLog('log', { hub: settings, env: {}, folder }),
      language: 'en',
      withholdNames: false,
      clock: new FixedClock(new Date('2026-11-22T12:00:00Z')),
    });
    const json = join(folder, 'account.json');
    const report = existsSync(json) ? (JSON.parse(await readFile(json, 'utf8')) as DisclosureReport) : undefined;
    const isPdf = existsSync(target) && (await readFile(target)).subarray(0, 5).toString() === '%PDF-';
    return { outcome, report, isPdf };
  });
}

describe('a supervising authority’s account of a client', () => {
  it('is proved from the log to leave nothing out, and says up to when', async () => {
    const { outcome, report, isPdf } = await account();
    expect(outcome).toMatchObject({ ok: true, data: { processing: 3, proof: { complete: true, faults: [] } } });
    expect(report?.provedComplete).toEqual({ until: '2026-11-22T10:00:03.000Z', treeSize: 8 });
    expect(isPdf).toBe(true);
  });

  it.each([
    [0, { kind: 'start-open', number: 2 }],
    [1, { kind: 'entry-missing', number: 2 }],
    [2, { kind: 'entry-missing', number: 3 }],
  ])('is not written where the hub leaves out entry %i of the person; the gap is named', async (leaveOut, fault) => {
    const { outcome, report, isPdf } = await account({ leaveOut });
    expect(outcome).toMatchObject({ ok: false, data: { proof: { complete: false, faults: [fault] } } });
    expect([report, isPdf]).toEqual([undefined, false]);
  });

  it('is not written where the hub answers with all entries of another person', async () => {
    const { outcome, report } = await account({ insteadOf: boris });
    expect(outcome.ok).toBe(false);
    expect(report).toBeUndefined();
  });
});

describe('an agency’s account from the log', () => {
  it('claims no completeness: it sees its own entries only', async () => {
    const { outcome, report } = await account({ supervising: false });
    expect(outcome.ok).toBe(true);
    expect(report).not.toHaveProperty('provedComplete');
    expect(outcome.lines.at(-1)).toContain('Not proved');
  });
});
