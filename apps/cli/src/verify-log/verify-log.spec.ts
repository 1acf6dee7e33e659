import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { canonicalJson, unwrap } from '#kernel';
import {
  MemoryTree,
  decodeEntryBundle,
  encodeEntryBundle,
  encodeTile,
  entryBundlePath,
  leafHash,
  tilePath,
  tileWidth,
  widthAt,
} from '#merkle';
import type { BodyLine } from '../domain/body-line.js';
import { bodiesFile, checkpointFile } from '../domain/log-files.js';
import type { LogFolder } from '../infra/log-folder.js';
import { SmallLog } from '../testing/small-log.fixture.js';
import { type VerifyLogReport, type VerifyLogRequest, verifyLog } from './verify-log.js';

/** More than a full tile, so that a bundle boundary and a tile above the lowest are there. */
const size = 300;
const log = SmallLog.ofSize(size);

let temporary: string;
let folder: LogFolder;

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'kotovayla-verify-'));
  folder = await log.export(join(temporary, 'export'));
});
afterEach(async () => {
  await rm(temporary, { recursive: true, force: true });
});

const verify = (more: Partial<VerifyLogRequest> = {}): Promise<VerifyLogReport> =>
  verifyLog({ folder, logVerifier: log.verifier, ...more });

/** Kind and index of each fault, without the one that says that the root differs as a whole. */
async function faults(more: Partial<VerifyLogRequest> = {}): Promise<string[]> {
  const report = await verify(more);
  expect(report.ok).toBe(report.faults.length === 0);
  return report.faults
    .filter(({ kind }) => kind !== 'root-mismatch')
    .map(({ kind, index }) => (index === undefined ? kind : `${kind} ${index}`));
}

async function change(path: string, how: (bytes: Buffer) => Buffer): Promise<void> {
  const bytes = await folder.read(path);
  if (bytes === undefined) throw new Error(`${path} is not there`);
  await folder.write(path, how(bytes));
}

const flip =
  (at: number) =>
  (bytes: Buffer): Buffer => {
    const flipped = Buffer.from(bytes);
    flipped[at]! ^= 0x01;
    return flipped;
  };

const bundlePath = (n: number): string => entryBundlePath(n, widthAt(n, size));

/** Rewrites all bundles as if the log held these entries, under the old checkpoint and tiles. */
async function rebundle(how: (entries: Uint8Array[]) => Uint8Array[]): Promise<void> {
  const entries: Uint8Array[] = [];
  for (let n = 0; n * tileWidth < size; n += 1) {
    entries.push(...unwrap(decodeEntryBundle((await folder.read(bundlePath(n)))!)));
  }
  const changed = how(entries);
  for (let n = 0; n * tileWidth < size; n += 1) {
    const last = (n + 1) * tileWidth >= size;
    const bundle = changed.slice(n * tileWidth, last ? undefined : (n + 1) * tileWidth);
    await folder.write(bundlePath(n), encodeEntryBundle(bundle));
  }
}

async function changeBodies(how: (lines: BodyLine[]) => BodyLine[]): Promise<void> {
  const lines: BodyLine[] = [];
  for await (const line of folder.lines(bodiesFile)) lines.push(JSON.parse(line) as BodyLine);
  await folder.write(
    bodiesFile,
    how(lines)
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(''),
  );
}

/** Where entry `place` of a bundle begins, its length included. */
const offsetOf = (entries: readonly Uint8Array[], place: number): number =>
  entries.slice(0, place).reduce((sum, entry) => sum + 2 + entry.length, 0);

describe('an export that nobody changed', () => {
  it('verifies, with every entry and every body counted', async () => {
    const report = await verify();
    expect(report).toMatchObject({ ok: true, size, faults: [], entries: { opaque: 240, clear: 60 }, bodies: 240 });
  });

  it.each([0, 1, 2, 255, 256, 257, 512, 513])('verifies at size %i', async (n) => {
    const other = SmallLog.ofSize(n);
    const exported = await other.export(join(temporary, `of-${n}`));
    expect(await verifyLog({ folder: exported, logVerifier: other.verifier })).toMatchObject({ ok: true, size: n });
  });

  it('verifies beside a smaller partial tile of an earlier time', async () => {
    await folder.write(tilePath(0, 1, 3), encodeTile(log.entries.slice(256, 259).map(leafHash)));
    expect(await faults()).toEqual([]);
  });

  it('needs a body for every opaque entry unless it is one agency’s export', async () => {
    await changeBodies((lines) => lines.filter(({ index }) => index !== 17));
    expect(await faults()).toEqual(['body-missing 17']);
    expect(await faults({ someBodies: true })).toEqual([]);
  });
});

describe('a flipped bit', () => {
  it.each([0, 1, 4, 130, 255, 256, 299])('in entry %i is found there', async (index) => {
    const n = Math.floor(index / tileWidth);
    const place = offsetOf(log.entries.slice(n * tileWidth), index - n * tileWidth);
    await change(bundlePath(n), flip(place + 2 + 20));
    expect(await faults()).toEqual([`entry-changed ${index}`]);
  });

  it.each([0, 7, 255])('in the length before entry %i is found there and hides no other', async (index) => {
    await change(bundlePath(0), flip(offsetOf(log.entries, index) + 1));
    expect(await faults()).toEqual([`entry-changed ${index}`]);
  });

  it('in a hash of the lowest tiles is the tile’s, not the entry’s', async () => {
    await change(tilePath(0, 0), flip(9 * 32 + 3));
    const report = await verify();
    expect(report.faults).toMatchObject([{ kind: 'tile-changed', index: 9, path: 'tile/0/000' }]);
  });

  it('in a tile above the lowest is the tile’s', async () => {
    await change(tilePath(1, 0, 1), flip(5));
    const report = await verify();
    expect(report.faults).toMatchObject([{ kind: 'tile-changed', path: 'tile/1/000.p/1' }]);
  });

  it('in an entry and its tile alike shows by the body which entry it is', async () => {
    const entry = Buffer.from(log.entries[10]!);
    entry[30]! ^= 1;
    await rebundle((entries) => entries.with(10, entry));
    await change(tilePath(0, 0), (tile) => Buffer.concat([tile.subarray(0, 320), leafHash(entry), tile.subarray(352)]));
    const report = await verify();
    expect(report.faults).toContainEqual(expect.objectContaining({ kind: 'body-changed', index: 10 }));
    expect(report.faults).toContainEqual(expect.objectContaining({ kind: 'root-mismatch' }));
  });

  it('anywhere in the export is found, byte by byte', async () => {
    const small = new SmallLog();
    small.addOpaque();
    small.addClear(0);
    const exported = await small.export(join(temporary, 'small'));
    for (const path of [entryBundlePath(0, 2), tilePath(0, 0, 2), checkpointFile, bodiesFile]) {
      const bytes = (await exported.read(path))!;
      for (let at = 0; at < bytes.length; at += 1) {
        await exported.write(path, flip(at)(bytes));
        const report = await verifyLog({ folder: exported, logVerifier: small.verifier });
        if (report.ok) throw new Error(`byte ${at} of ${path} was changed and nothing was said`);
      }
      await exported.write(path, bytes);
    }
  });
});

describe('entries that were', () => {
  it.each([0, 100, 255, 256])('dropped: entry %i is named and no other', async (index) => {
    await rebundle((entries) => entries.toSpliced(index, 1));
    expect(await faults()).toEqual([`entry-missing ${index}`]);
  });

  it('dropped at the end are named as the tail', async () => {
    await rebundle((entries) => entries.slice(0, 290));
    expect(await faults()).toEqual(['tail-missing 290']);
  });

  it('dropped with their bundle and its tile are named as the tail', async () => {
    await rm(join(folder.path, bundlePath(1)));
    await rm(join(folder.path, tilePath(0, 1, widthAt(1, size))));
    expect(await faults()).toEqual(['tile-missing 256', 'tail-missing 256']);
  });

  it('dropped with the last bundle are named by it where its tile is there', async () => {
    await rm(join(folder.path, bundlePath(1)));
    expect(await faults()).toEqual(['bundle-missing 256']);
  });

  it('dropped with a bundle in the middle are named by it', async () => {
    await rm(join(folder.path, bundlePath(0)));
    expect(await faults()).toEqual(['bundle-missing 0']);
  });

  it.each([0, 100, 255, 256])('put in before entry %i are named there', async (index) => {
    await rebundle((entries) => entries.toSpliced(index, 0, SmallLog.ofSize(1).entries[0]!));
    expect(await faults()).toEqual([`entry-extra ${index}`]);
  });

  it('put in after the last one are named although the partial bundle just grows', async () => {
    await rebundle((entries) => [...entries, ...SmallLog.ofSize(2).entries]);
    expect(await faults()).toEqual([`entry-extra ${size}`, `entry-extra ${size}`]);
  });

  it('put into a bundle that no checkpoint covers are named', async () => {
    await folder.write(entryBundlePath(2, 1), encodeEntryBundle([log.entries[0]!]));
    expect(await faults()).toEqual(['entry-extra 512']);
  });

  it('exchanged are both named', async () => {
    await rebundle((entries) => entries.with(20, entries[270]!).with(270, entries[20]!));
    expect(await faults()).toEqual(['entry-moved 20', 'entry-moved 270']);
  });

  it('moved are named with the place where they stand', async () => {
    await rebundle((entries) => entries.toSpliced(50, 1).toSpliced(40, 0, entries[50]!));
    expect(await faults()).toEqual(['entry-moved 50']);
  });

  it('replaced by those of another log are named', async () => {
    const other = SmallLog.ofSize(3).entries;
    await rebundle((entries) => entries.toSpliced(60, 3, ...other));
    expect(await faults()).toEqual(['entry-changed 60', 'entry-changed 61', 'entry-changed 62']);
  });

  it('left unreadable to the end of the bundle are named from where that begins', async () => {
    await change(bundlePath(1), (bytes) => bytes.subarray(0, offsetOf(log.entries.slice(256), 10) + 1));
    expect(await faults()).toEqual(['bundle-broken 266']);
  });
});

describe('tiles that are', () => {
  it.each([tilePath(0, 0), tilePath(0, 1, 44), tilePath(1, 0, 1)])('missing are named: %s', async (path) => {
    await rm(join(folder.path, path));
    expect((await verify()).faults).toMatchObject([{ kind: 'tile-missing', path }]);
  });

  it('of another length are named', async () => {
    await change(tilePath(0, 1, 44), (bytes) => bytes.subarray(32));
    expect((await verify()).faults).toMatchObject([{ kind: 'tile-changed', path: 'tile/0/001.p/44' }]);
  });

  it('made anew for changed entries do not lead to the signed root', async () => {
    const changed = log.entries.with(33, SmallLog.ofSize(1).entries[0]!);
    const tree = MemoryTree.of(changed.map(leafHash));
    await rebundle(() => changed);
    await folder.write(tilePath(0, 0), encodeTile(changed.slice(0, 256).map(leafHash)));
    await folder.write(tilePath(1, 0, 1), encodeTile([tree.node(8, 0)]));
    const report = await verify();
    expect(report.faults.map(({ kind }) => kind)).toEqual(['body-changed', 'root-mismatch']);
    expect(report.faults[0]).toMatchObject({ index: 33 });
  });
});

describe('a body', () => {
  const edited = (line: BodyLine): BodyLine => ({
    ...line,
    body: canonicalJson({ ...(JSON.parse(line.body) as object), recipient: 'H-07' }),
  });

  it('that says something else than was logged is named by its entry', async () => {
    await changeBodies((lines) => lines.map((line) => (line.index === 42 ? edited(line) : line)));
    expect(await faults()).toEqual(['body-changed 42']);
  });

  it('under another commitment key is named', async () => {
    await changeBodies((lines) =>
      lines.map((line, i) => (i === 5 ? { ...line, commitmentKey: lines[6]!.commitmentKey } : line)),
    );
    expect(await faults()).toEqual(['body-changed 6']);
  });

  it('in another spelling is named: what is shown must be what was logged', async () => {
    await changeBodies((lines) => lines.map((line) => (line.index === 42 ? { ...line, body: `${line.body} ` } : line)));
    expect(await faults()).toEqual(['body-changed 42']);
  });

  it('forged together with its entry is told apart by the tiles', async () => {
    const forged = SmallLog.ofSize(1);
    await rebundle((entries) => entries.with(42, forged.entries[0]!));
    await changeBodies((lines) =>
      lines.map((line) => (line.index === 42 ? { ...forged.bodies[0]!, index: 42 } : line)),
    );
    expect(await faults()).toEqual(['entry-changed 42', 'body-changed 42']);
  });

  it('that stands twice, or too late, is named', async () => {
    await changeBodies((lines) => [...lines.slice(0, 8), lines[7]!, ...lines.slice(8)]);
    expect(await faults()).toEqual(['body-out-of-order 8']);
  });

  it('of an entry that the log does not have, or has in clear, is named', async () => {
    await changeBodies((lines) => [
      ...lines.filter(({ index }) => index < 4),
      { ...lines[0]!, index: 4 },
      ...lines.filter(({ index }) => index > 4),
      { ...lines[0]!, index: size },
    ]);
    expect(await faults()).toEqual(['body-extra 4', 'body-extra 300']);
  });

  it('that is no body is named by its line', async () => {
    await changeBodies((lines) => [...lines, {} as BodyLine]);
    expect((await verify()).faults).toMatchObject([{ kind: 'body-unreadable', code: 'MALFORMED' }]);
  });
});

describe('the checkpoint', () => {
  it('must be there', async () => {
    await rm(join(folder.path, checkpointFile));
    expect(await faults()).toEqual(['checkpoint-missing']);
  });

  it('must be signed by the configured key', async () => {
    const report = await verify({ logVerifier: new SmallLog().verifier });
    expect(report.faults).toMatchObject([{ kind: 'checkpoint-invalid', code: 'CHECKPOINT_INVALID' }]);
  });

  it('of a lying log does not make other entries right', async () => {
    await folder.write(checkpointFile, log.checkpointWith(size, Buffer.alloc(32, 1)));
    expect((await verify()).faults).toMatchObject([{ kind: 'root-mismatch', code: 'LOG_INCONSISTENT' }]);
  });
});

describe('a receipt', () => {
  const kept = async (content: unknown): Promise<string[]> => {
    const path = join(temporary, 'receipt.json');
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
    return [path];
  };

  it.each([12, 200, size])('that the log gave at size %i is proved', async (at) => {
    const report = await verify({ receipts: await kept(log.receipt(10, at)) });
    expect(report).toMatchObject({ ok: true, receipts: [{ index: 10, type: 'message-accepted' }] });
  });

  it('with another body is refused', async () => {
    const receipt = { ...log.receipt(10), body: log.receipt(11).body };
    expect((await verify({ receipts: await kept(receipt) })).faults).toMatchObject([
      { kind: 'receipt-invalid', code: 'RECEIPT_INVALID' },
    ]);
  });

  it('with the proof of another entry is refused', async () => {
    const receipt = { ...log.receipt(10), inclusionProof: log.receipt(11).inclusionProof };
    expect(await faults({ receipts: await kept(receipt) })).toEqual(['receipt-invalid']);
  });

  it('of another branch of the log shows that there are two', async () => {
    const branch = new MemoryTree();
    for (const entry of log.entries.with(3, SmallLog.ofSize(1).entries[0]!)) branch.append(leafHash(entry));
    const receipt = {
      ...log.receipt(10),
      inclusionProof: branch.inclusionProof(10).map((hash) => hash.toString('base64')),
      checkpoint: log.checkpointWith(size, branch.root()),
    };
    const report = await verify({ receipts: await kept(receipt) });
    expect(report.faults).toMatchObject([{ kind: 'receipt-of-another-tree', code: 'LOG_INCONSISTENT', index: 10 }]);
  });

  it('that is newer than the export shows that the export ends too early', async () => {
    const older = await log.export(join(temporary, 'older'), 100);
    const report = await verifyLog({
      folder: older,
      logVerifier: log.verifier,
      receipts: await kept(log.receipt(10)),
    });
    expect(report.faults).toMatchObject([{ kind: 'receipt-beyond-export' }]);
  });

  it.each(['', '[]', '{"leafIndex":1}'])('that is none is refused: %s', async (content) => {
    expect(await faults({ receipts: await kept(content) })).toEqual(['receipt-invalid']);
  });
});

describe('numbers within an exchange', () => {
  it('that are left out are noted, which proves nothing by itself', async () => {
    const gapped = new SmallLog();
    const exchangeId = '6d9c9f39-6c1d-4d0c-9f5b-0a4f9a0b7c11' as never;
    for (const seq of [1, 2, 5]) gapped.addOpaque({ exchangeId, seq });
    const exported = await gapped.export(join(temporary, 'gapped'));
    const report = await verifyLog({ folder: exported, logVerifier: gapped.verifier });
    expect(report).toMatchObject({ ok: true, gaps: [{ exchangeId, missing: [3, 4] }] });
  });
});
