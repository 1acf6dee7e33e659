import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SmallLog } from '../testing/small-log.fixture.js';
import { verifyLog } from '../verify-log/verify-log.js';
import { fsck } from './fsck.js';

const loggedAt = '2026-11-22T10:00:00.000Z';
let temporary: string;

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'unnumbered-'));
});
afterEach(() => rm(temporary, { recursive: true, force: true }));

/** What `fsck` and `verify` say; they must say the same. */
async function faults(log: SmallLog): Promise<string[]> {
  const files = await log.export(join(temporary, 'log'));
  const { verifierKey, verifier, trusted } = log;
  const where = { address: files.path, where: files.path, keyFrom: 'given' as const, close: async () => undefined };
  const recomputed = await fsck({ files, verifierKey, verifier, trusted, ...where });
  const walked = await verifyLog({ folder: files, logVerifier: verifier });
  expect(recomputed.faults).toEqual(walked.faults);
  return walked.faults.map(({ kind, index }) => `${kind} ${index}`);
}

describe('a log whose entries have numbered places', () => {
  it('may begin with entries from before there were any', async () => {
    const log = SmallLog.ofSize(300);
    for (let at = 0; at < 300; at += 1) log.addPlaced({}, loggedAt);
    log.addClear(1);
    expect(await faults(log)).toEqual([]);
  });

  it.each([0, 1, 255, 300, 700])('names an entry in the old format that comes %i entries later', async (later) => {
    const log = SmallLog.ofSize(5);
    for (let at = 0; at <= later; at += 1) log.addPlaced({}, loggedAt);
    const index = log.addOpaque();
    log.addPlaced({}, loggedAt);
    expect(await faults(log)).toEqual([`entry-unnumbered ${index}`]);
  });
});
