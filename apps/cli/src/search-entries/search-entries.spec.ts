import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type AgencyId, agencyId } from '#kernel';
import { openLog } from '../infra/open-log.js';
import { HubSettings } from '../infra/hub-settings.js';
import { SmallLog, withTemporaryFolder } from '../testing/small-log.fixture.js';
import { searchEntries } from './search-entries.js';

const own = agencyId('K-235');
const instant = (second: number): string =>
  new Date(Date.parse('2026-11-22T10:00:00.000Z') + second * 1_000).toISOString();

type Placed = ReturnType<SmallLog['addPlaced']>;

/** A log in which every third entry is of the agency; the last of its entries is its search. */
function placedLog(count: number): { log: SmallLog; placed: Placed[] } {
  const log = new SmallLog();
  const placed: Placed[] = [];
  for (let at = 0; at < count; at += 1) {
    placed.push(log.addPlaced({ sender: own }, instant(at)));
    log.addPlaced({ sender: agencyId('H-03'), recipient: agencyId('L-KELA') }, instant(at));
    log.addClear(at);
  }
  return { log, placed };
}

/** A gateway that answers in pages, and what it was asked. */
class Gateway {
  readonly asked: Record<string, string>[] = [];

  constructor(
    private readonly placed: readonly Placed[],
    private readonly pageSize: number,
  ) {}

  readonly entries = async (query: Readonly<Record<string, string>>): Promise<Record<string, unknown>> => {
    this.asked.push({ ...query });
    const begin = Number(query['cursor'] ?? 0);
    const end = begin + this.pageSize;
    const shown = this.placed.slice(0, -1);
    const search = this.placed.at(-1)!;
    const { index, place } = search;
    const entry = this.bytesOf(index);
    return {
      entries: shown.slice(begin, end).map(({ index: leafIndex, ...opened }) => ({ leafIndex, ...opened })),
      ...(end < shown.length ? { cursor: String(end) } : { after: { leafIndex: index, entry, place } }),
      searchLeaf: index,
      chain: own,
      erased: end < shown.length ? [] : this.erased,
    };
  };

  erased: readonly { readonly leafIndex: number; readonly number: number }[] = [];

  bytesOf: (index: number) => string = () => '';
}

async function search(
  pageSize: number,
  options: {
    prove: boolean;
    leaveOut?: number;
    most?: number;
    erased?: { readonly tombstone: boolean };
    asker?: AgencyId;
  },
) {
  return withTemporaryFolder(async (folder) => {
    const { log, placed } = placedLog(8);
    const erased = options.erased && { leafIndex: placed[options.leaveOut!]!.index, number: options.leaveOut! + 1 };
    if (erased && options.erased?.tombstone) log.addTombstone(erased.leafIndex);
    await log.export(join(folder, 'log'));
    const gateway = new Gateway(
      placed.filter((_, at) => at !== options.leaveOut),
      pageSize,
    );
    if (erased) gateway.erased = [erased];
    gateway.bytesOf = (index) => log.entries[index]!.toString('base64');
    const hub = new HubSettings({ verifierKey: log.verifierKey }, {});
    const opened = await openLog('log', { hub, env: {}, folder });
    const outcome = await searchEntries(gateway, {
      filter: {},
      most: options.most ?? 500,
      asker: options.asker ?? own,
      ...(options.prove && { log: opened }),
    });
    return { outcome, asked: gateway.asked, placed };
  });
}

describe('a search', () => {
  it('shows what was found, page by page, with the index of each entry', async () => {
    const { outcome, asked, placed } = await search(3, { prove: false });
    expect(outcome.ok).toBe(true);
    expect(outcome.data).toMatchObject({
      entries: placed.slice(0, -1).map(({ index }) => ({ leafIndex: index })),
      more: false,
    });
    expect(asked.map(({ cursor }) => cursor)).toEqual([undefined, '3', '6']);
    expect(outcome.lines.join('\n')).toContain('message-accepted');
  });

  it('stops where enough was found, and says that there is more', async () => {
    const { outcome, asked } = await search(3, { prove: false, most: 3 });
    expect(outcome.data).toMatchObject({ more: true });
    expect(asked).toHaveLength(1);
  });

  it('proves by the signed tree that nothing was left out', async () => {
    const { outcome } = await search(3, { prove: true });
    expect(outcome).toMatchObject({ ok: true, data: { proof: { complete: true, entries: 7, faults: [] } } });
  });

  it('does not take all of another chain for all of the one that was asked for', async () => {
    const { outcome } = await search(3, { prove: true, asker: agencyId('H-03') });
    expect(outcome).toMatchObject({ ok: false, data: { proof: { complete: false } } });
  });

  it('proves that what was erased lies under a tombstone of the signed tree', async () => {
    const { outcome } = await search(3, { prove: true, leaveOut: 4, erased: { tombstone: true } });
    expect(outcome).toMatchObject({
      ok: true,
      data: { proof: { complete: true, entries: 6, faults: [], erased: [5] } },
    });
  });

  it('names what is said to be erased and lies under none', async () => {
    const { outcome } = await search(3, { prove: true, leaveOut: 4, erased: { tombstone: false } });
    expect(outcome).toMatchObject({
      ok: false,
      data: { proof: { complete: false, faults: [{ kind: 'erased-without-tombstone' }] } },
    });
  });

  it.each([1, 4, 6])('names the number that was left out: %i', async (leaveOut) => {
    const { outcome } = await search(3, { prove: true, leaveOut });
    expect(outcome).toMatchObject({
      ok: false,
      data: { proof: { complete: false, faults: [{ kind: 'entry-missing', number: leaveOut + 1 }] } },
    });
  });
});
