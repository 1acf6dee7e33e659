import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SmallLog } from '../testing/small-log.fixture.js';
import { verifyLog } from '../verify-log/verify-log.js';
import { fsck } from './fsck.js';

let temporary: string | undefined;
afterEach(async () => {
  if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
});

/** What `fsck` and `verify` say of the exported log; they must say the same. */
async function verdict(log: SmallLog, someBodies = false) {
  temporary = await mkdtemp(join(tmpdir(), 'erased-log-'));
  const folder = await log.export(join(temporary, 'log'));
  const walked = await verifyLog({ folder, logVerifier: log.verifier, someBodies });
  const opened = {
    files: folder,
    address: folder.path,
    verifierKey: log.verifierKey,
    verifier: log.verifier,
    trusted: log.trusted,
    keyFrom: 'given' as const,
    where: folder.path,
    close: async () => undefined,
  };
  const recomputed = await fsck(opened, { someBodies });
  expect(recomputed).toMatchObject({ ok: walked.ok, erased: walked.erased, bodies: walked.bodies });
  expect(recomputed.faults).toEqual(walked.faults);
  const faults = walked.faults.map(({ kind, index }) => `${kind} ${index}`);
  return { ok: walked.ok, erased: walked.erased, bodies: walked.bodies, faults };
}

/** 300 entries, every fifth in clear: 240 bodies. */
const log = (): SmallLog => SmallLog.ofSize(300);

describe('a log from which entries were erased', () => {
  it('has a body or a tombstone for every index', async () => {
    const erased = log();
    erased.addTombstone(10, 11, 12, 250);
    erased.dropBodies(10, 11, 12, 250);
    erased.addTombstone(20);
    erased.dropBodies(20);
    expect(await verdict(erased)).toEqual({ ok: true, erased: 5, bodies: 235, faults: [] });
  });

  it('and one more body gone is named: it has neither', async () => {
    const erased = log();
    erased.addTombstone(10);
    erased.dropBodies(10, 42);
    expect(await verdict(erased)).toMatchObject({ ok: false, faults: ['body-missing 42'] });
  });

  it('and one body still there that a tombstone names is named', async () => {
    const erased = log();
    erased.addTombstone(10, 11);
    erased.dropBodies(10);
    expect(await verdict(erased)).toMatchObject({ ok: false, faults: ['body-not-erased 11'] });
  });

  it('is not taken for whole when one is missing and another one too many', async () => {
    const erased = log();
    erased.addTombstone(10);
    erased.dropBodies(42);
    expect(await verdict(erased)).toMatchObject({ ok: false, faults: ['body-missing 42', 'body-not-erased 10'] });
  });

  it.each([
    ['in clear', 4],
    ['that is not there', 9_999],
  ])('and a tombstone over an entry %s is named', async (_name, index) => {
    const erased = log();
    erased.addTombstone(index);
    expect(await verdict(erased)).toMatchObject({ ok: false, faults: [`tombstone-without-leaf ${index}`] });
  });

  it('shows in one agency’s export what should be gone, and asks for nothing that is another’s', async () => {
    const erased = log();
    erased.addTombstone(10, 11);
    erased.dropBodies(10, 42);
    expect(await verdict(erased, true)).toMatchObject({ faults: ['body-not-erased 11'] });
  });
});
