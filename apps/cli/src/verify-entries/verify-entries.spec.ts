import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { agencyId, unwrap } from '#kernel';
import { openCheckpoint } from '#merkle';
import {
  type Boundary,
  type ChainPage,
  type PlacedLine,
  exportFiles,
  parseProofLine,
} from '../domain/entries-export.js';
import { type ExportEntries, exportEntries } from '../export-entries/export-entries.js';
import { checkpointFile } from '../domain/log-files.js';
import { LogFolder } from '../infra/log-folder.js';
import { SmallLog } from '../testing/small-log.fixture.js';
import { TestWitnesses } from '../testing/witnesses.fixture.js';
import { runVerifyEntries } from './run-verify-entries.js';
import { type EntriesReport, verifyEntries } from './verify-entries.js';

const own = agencyId('K-235');
const other = agencyId('H-03');
const third = agencyId('T-01');
const log = new SmallLog();
/** Of the own chain: one from before the period, twelve in it, one after. */
const placed: PlacedLine[] = [];
for (let n = 0; n < 42; n += 1) {
  const loggedAt = new Date(Date.parse('2026-11-22T10:00:00Z') + n * 1_000).toISOString();
  if (n % 3 === 0) placed.push(log.addPlaced({ sender: own, recipient: other }, loggedAt));
  else log.addPlaced({ sender: other, recipient: third }, loggedAt);
}
const [first, ...rest] = placed;
const inside = rest.slice(0, -1);
const last = rest.at(-1);

const boundary = ({ index, place }: PlacedLine): Boundary => ({
  index,
  entry: log.entries[index]!.toString('base64'),
  place,
});
const pages: ChainPage[] = [0, 5, 10].map((at) => ({
  lines: inside.slice(at, at + 5),
  erased: [],
  ...(at === 0 && { before: boundary(first!) }),
  ...(at + 5 < inside.length ? { cursor: String(at + 5) } : { after: boundary(last!) }),
}));

describe('an export of an agency’s entries for a period', () => {
  let base: string;
  let whole: string;
  let folder: string;

  const request = (target: string, more: Partial<ExportEntries> = {}): ExportEntries => ({
    folder: target,
    madeBy: own,
    chain: own,
    from: inside[0]!.place.loggedAt,
    until: last!.place.loggedAt,
    now: new Date('2027-01-01T00:00:00Z'),
    table: true,
    page: async (cursor) => pages[Number(cursor ?? 0) / 5]!,
    checkpointOver: async () => ({
      checkpoint: unwrap(openCheckpoint(log.checkpoint(), log.verifier)),
      published: log.size,
    }),
    log: new LogFolder(join(base, 'log')),
    verifierKey: log.verifierKey,
    ...more,
  });
  const verified = async (): Promise<EntriesReport> =>
    unwrap(await verifyEntries(new LogFolder(folder), log.verifierKey));
  const kinds = async (): Promise<string[]> => (await verified()).completeness.faults.map(({ kind }) => kind);
  const notInTheLog = async (): Promise<(number | undefined)[]> =>
    (await verified()).completeness.faults.flatMap(({ kind, leafIndex }) =>
      kind === 'not-in-the-log' ? leafIndex : [],
    );
  const edit = async (name: string, change: (text: string) => string): Promise<void> =>
    writeFile(join(folder, name), change(await readFile(join(folder, name), 'utf8')));

  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'entries-'));
    await log.export(join(base, 'log'));
    whole = join(base, 'whole');
    await exportEntries(request(whole));
  });
  afterAll(() => rm(base, { recursive: true }));
  beforeEach(async () => {
    folder = join(base, 'one');
    await rm(folder, { recursive: true, force: true });
    await cp(whole, folder, { recursive: true });
  });

  it('is proved to leave nothing out', async () => {
    expect(await verified()).toMatchObject({
      completeness: { complete: true, entries: 12, faults: [] },
      unreadable: [],
    });
    expect(await verified()).not.toHaveProperty('tableDiffersAt');
  });

  it('has a table that other programs read, one line an entry below a header', async () => {
    const rows = parse<Record<string, string>>(await readFile(join(folder, exportFiles.table)), { columns: true });
    expect(rows).toHaveLength(12);
    expect(rows[0]).toMatchObject({ index: '3', number: '2', sender: 'K-235', recipient: 'H-03' });
  });

  it('killed after any page goes on and ends with the same bytes as one that was not', async () => {
    for (const killedAt of [0, 1, 2]) {
      const target = join(base, `killed-${killedAt}`);
      let asked = 0;
      const dying = request(target, {
        page: async (cursor) => {
          if (asked++ === killedAt) throw new Error('killed');
          return pages[Number(cursor ?? 0) / 5]!;
        },
      });
      await expect(exportEntries(dying)).rejects.toThrow('killed');
      // Half of a page may have been written when it was killed.
      await writeFile(join(target, exportFiles.entries), '{"index":99', { flag: 'a' });
      await writeFile(join(target, exportFiles.table), '99,', { flag: 'a' });
      await exportEntries(request(target));
      for (const name of [exportFiles.entries, exportFiles.table, exportFiles.index, exportFiles.proofs])
        expect(await readFile(join(target, name), 'utf8')).toBe(await readFile(join(whole, name), 'utf8'));
    }
  });

  it('tells each erased entry once, however often it was killed, and leaves nothing half-done behind', async () => {
    const target = join(base, 'erasing');
    const erased = [7, 10, 13].map((index, at) => ({ index, number: at + 3 }));
    const dyingAt = (last: number): ExportEntries['page'] => {
      let asked = 0;
      return async (cursor) => {
        if (asked++ === last) throw new Error('killed');
        const at = Number(cursor ?? 0) / 5;
        return { ...pages[at]!, erased: [erased[at]!] };
      };
    };
    await expect(exportEntries(request(target, { page: dyingAt(1) }))).rejects.toThrow('killed');
    await expect(exportEntries(request(target, { page: dyingAt(1) }))).rejects.toThrow('killed');
    expect((await exportEntries(request(target, { page: dyingAt(9) }))).erased).toEqual(erased);
    expect((await readdir(target)).filter((name) => name.includes('part'))).toEqual([]);
  });

  it('asks for the next page while one is written', async () => {
    const target = join(base, 'ahead');
    const written: number[] = [];
    const page: ExportEntries['page'] = async (cursor) => {
      written.push(readFileSync(join(target, exportFiles.entries), 'utf8').split('\n').length - 1);
      return pages[Number(cursor ?? 0) / 5]!;
    };
    await exportEntries(request(target, { page }));
    expect(written).toEqual([0, 0, 5]);
  });

  it('that is killed asks on for the time until which it began to ask', async () => {
    const target = join(base, 'today');
    const asked: string[] = [];
    const until = '2027-12-31T22:00:00.000Z';
    const page: ExportEntries['page'] = async (cursor, before) => {
      asked.push(before);
      if (asked.length === 2) throw new Error('killed');
      return pages[Number(cursor ?? 0) / 5]!;
    };
    const began = new Date('2026-11-22T10:10:00Z');
    await expect(exportEntries(request(target, { until, now: began, page }))).rejects.toThrow('killed');
    expect(await exportEntries(request(target, { until, page }))).toMatchObject({ until: began.toISOString() });
    expect(new Set(asked)).toEqual(new Set([began.toISOString()]));
  });

  it('without an entry after the period is proved up to its newest entry', async () => {
    folder = join(base, 'open');
    const page: ExportEntries['page'] = async (cursor) => {
      const { lines, erased, before, cursor: next } = pages[Number(cursor ?? 0) / 5]!;
      return { lines, erased, ...(before && { before }), ...(next !== undefined && { cursor: next }) };
    };
    const { until } = await exportEntries(request(folder, { page }));
    expect(until).toBe(inside.at(-1)?.place.loggedAt);
    expect((await verified()).completeness).toMatchObject({ complete: true, entries: 11 });
  });

  it('is not mixed with another one', async () => {
    await expect(exportEntries(request(folder))).rejects.toMatchObject({ code: 'CONFLICT' });
    const target = join(base, 'begun');
    const dying = request(target, { page: () => Promise.reject(new Error('killed')) });
    await expect(exportEntries(dying)).rejects.toThrow('killed');
    await expect(exportEntries(request(target, { chain: other }))).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('names a left-out entry', async () => {
    await edit(exportFiles.entries, (text) => text.split('\n').toSpliced(4, 1).join('\n'));
    expect(await kinds()).toContain('entry-missing');
  });

  it('names an edited entry', async () => {
    await edit(exportFiles.entries, (text) => {
      const lines = text.split('\n');
      return lines.with(5, lines[5]!.replace(`\\"H-03\\"`, `\\"H-04\\"`)).join('\n');
    });
    expect(await notInTheLog()).toEqual([inside[5]!.index]);
  });

  it.each(['leaves', 'others'])(
    'whose proofs have another hash among the %s proves none of their entries',
    async (which) => {
      await edit(exportFiles.proofs, (text) => {
        const [heads, line = '', ...more] = text.split('\n');
        const hashes = Buffer.from((JSON.parse(line) as Record<string, string>)[which]!, 'base64');
        hashes[40]! ^= 1;
        const changed = { ...(JSON.parse(line) as object), [which]: hashes.toString('base64') };
        return [heads, JSON.stringify(changed), ...more].join('\n');
      });
      expect(await notInTheLog()).toEqual(inside.map(({ index }) => index));
    },
  );

  it('has each hash of its proofs once', async () => {
    const lines = (await readFile(join(folder, exportFiles.proofs), 'utf8')).trim().split('\n');
    const proved = lines.map((line) => unwrap(parseProofLine(line)));
    expect(proved.map(({ indices }) => indices)).toEqual([
      [first!.index, last!.index],
      inside.map(({ index }) => index),
    ]);
    for (const { leaves, others } of proved) {
      const hashes = [...leaves, ...others].map((hash) => hash.toString('hex'));
      expect(new Set(hashes).size).toBe(hashes.length);
    }
    // Twelve paths of six hashes would be 72.
    expect(proved[1]!.others.length).toBeLessThan(25);
  });

  it('names an open end: without the entry after the period its last entries could be missing', async () => {
    await edit(exportFiles.index, (text) => {
      return JSON.stringify({ ...(JSON.parse(text) as object), after: undefined });
    });
    expect(await kinds()).toContain('end-open');
  });

  it('does not believe that an entry was erased without a tombstone in the log', async () => {
    const gone = inside[4]!;
    await edit(exportFiles.entries, (text) => text.split('\n').toSpliced(4, 1).join('\n'));
    await edit(exportFiles.index, (text) => {
      const erased = [{ index: gone.index, number: gone.place.number }];
      return JSON.stringify({ ...(JSON.parse(text) as object), erased });
    });
    expect(await kinds()).toContain('erased-without-tombstone');
  });

  it('names the line of a table that says something else than its entry', async () => {
    await edit(exportFiles.table, (text) => text.split('\r\n').with(3, '1,2,3').join('\r\n'));
    expect(await verified()).toMatchObject({ tableDiffersAt: 4 });
    await edit(exportFiles.table, (text) => `${text}1,2,3\r\n`);
    expect((await verified()).tableDiffersAt).toBeDefined();
  });

  it('is told not to be witnessed where the operators of a policy have not cosigned it', async () => {
    const witnesses = new TestWitnesses(log.verifier);
    const known = { verifierKey: log.verifierKey, policy: witnesses.policy };
    expect(await runVerifyEntries(folder, known)).toMatchObject({
      ok: false,
      data: { checkpoint: 'LOG_NOT_WITNESSED' },
    });
    const note = witnesses.cosigned(log.checkpoint(), 'espoo', 'kela');
    await edit(checkpointFile, () => note);
    expect(await runVerifyEntries(folder, known)).toMatchObject({
      ok: true,
      data: { witnessed: { by: ['espoo', 'kela'] } },
    });
  });

  it('is refused under another key than the known one', async () => {
    expect(await verifyEntries(new LogFolder(folder), new SmallLog().verifierKey)).toMatchObject({
      error: { code: 'CHECKPOINT_INVALID' },
    });
  });
});
