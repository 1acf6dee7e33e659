import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { logKeysFile } from '#envelope';
import { unwrap } from '#kernel';
import { formatProof, parseProof, verifyProof, leafHash } from '#merkle';
import { trustedKeys } from '../domain/log-keys.js';
import { fsck } from '../fsck/fsck.js';
import { HubSettings } from '../infra/hub-settings.js';
import { type OpenedLog, openLog } from '../infra/open-log.js';
import { proveEntry } from '../prove-entry/prove-entry.js';
import { showLogKey } from '../show-log-key/show-log-key.js';
import { SmallLog } from '../testing/small-log.fixture.js';
import { runVerifyProof } from '../verify-proof/verify-proof.js';
import { readKeptReceipt } from './check-receipts.js';
import { runVerification } from './run-verification.js';

describe('an exported log that has changed its key', () => {
  let folder: string;
  let log: SmallLog;
  let next: { verifierKey: string; retiredAt: number | undefined };
  let earlier: string;
  let receipt: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'changed-key-'));
    log = SmallLog.ofSize(20);
    earlier = log.checkpoint();
    receipt = JSON.stringify(log.receipt(7));
    next = await log.changeKey();
    await log.export(join(folder, 'log'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const open = (verifierKey: string, name = 'log'): Promise<OpenedLog> =>
    openLog(name, { hub: new HubSettings({ verifierKey }, {}, undefined), env: {}, folder });
  const keysFrom = (verifierKey: string) => trustedKeys(verifierKey, log.keyLinks);
  const faultsOf = async (name: string, verifierKey: string): Promise<string[]> => {
    const walked = await runVerification({
      folder: join(folder, name),
      receipts: [],
      someBodies: false,
      quiet: true,
      verifierKey,
    });
    const recomputed = await fsck(await open(verifierKey, name));
    const kinds = (faults: unknown): string[] =>
      (faults as { kind: string; index?: number }[]).map(({ kind, index }) => `${kind} ${index ?? ''}`.trim());
    expect(kinds(recomputed.faults)).toEqual(kinds(walked.data['faults' as never]));
    return kinds(recomputed.faults);
  };

  it('is whole for who knows the first key, and for who knows the newest', async () => {
    for (const key of [log.verifierKey, next.verifierKey]) {
      expect(await faultsOf('log', key)).toEqual([]);
      const kept = join(folder, 'kept');
      await writeFile(kept, earlier);
      expect(await fsck(await open(key), { earlier: [kept] })).toMatchObject({ ok: true });
    }
  });

  it('is not whole for who knows another key', async () => {
    expect(await faultsOf('log', new SmallLog().verifierKey)).toEqual(['checkpoint-invalid']);
  });

  it('proves a receipt and a proof file that were given before the change', async () => {
    const { inclusionProof } = JSON.parse(receipt) as { inclusionProof: string[] };
    const hashes = inclusionProof.map((hash) => Buffer.from(hash, 'base64'));
    const proof = unwrap(parseProof(formatProof({ index: 7, proof: hashes, checkpoint: earlier })));
    for (const key of [log.verifierKey, next.verifierKey]) {
      const { keys } = await keysFrom(key);
      expect(readKeptReceipt(receipt, keys)).toMatchObject({ ok: true, value: { index: 7 } });
      expect(verifyProof(proof, leafHash(log.entries[7]!), keys).ok).toBe(true);
    }
  });

  it('proves a proof file of the newest log by the first key, with the file of its keys alone', async () => {
    const proof = join(folder, '7.tlog-proof');
    await proveEntry(await open(log.verifierKey), { index: 7, target: proof });
    const bytes = await readFile(proof);
    const given = { verifierKey: log.verifierKey, entry: log.entries[7]! };
    await expect(runVerifyProof(bytes, given)).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' });
    expect(await runVerifyProof(bytes, { ...given, links: log.keyLinks })).toMatchObject({ ok: true });
  });

  it('is found false where the newest checkpoint is signed by the retired key alone', async () => {
    const stolen = await log.export(join(folder, 'stolen'));
    await stolen.write('checkpoint', log.signedBy());
    expect(await faultsOf('stolen', log.verifierKey)).toEqual(['checkpoint-invalid']);
    // Without the links it would open; what the entries say of the key does not let it pass.
    await rm(join(stolen.path, logKeysFile));
    expect(await faultsOf('stolen', log.verifierKey)).toEqual(['checkpoint-invalid']);
  });

  it('is found false where what lies beside it leaves out that the old key was retired', async () => {
    const cut = await log.export(join(folder, 'cut'));
    const links = JSON.parse((await cut.readText(logKeysFile)) ?? '') as unknown[];
    await cut.write(logKeysFile, JSON.stringify(links.slice(0, -1)));
    expect(await faultsOf('cut', log.verifierKey)).toEqual([expect.stringMatching(/^log-keys-changed \d+$/)]);
  });

  it('is found false where what lies beside it is broken', async () => {
    const broken = await log.export(join(folder, 'broken'));
    await broken.write(logKeysFile, ((await broken.readText(logKeysFile)) ?? '').replace('tlog-proof@v1', 'x'));
    expect(await faultsOf('broken', next.verifierKey)).toEqual(['log-keys-changed']);
  });

  it('names an entry about a key to which nothing leads', async () => {
    const other = SmallLog.ofSize(6);
    await other.changeKey();
    const stranger = SmallLog.ofSize(1);
    await stranger.changeKey();
    const foreign = stranger.entries.slice(1).find((entry) => entry[0] === 2)!;
    const at = other.addEntry(foreign);
    await other.export(join(folder, 'foreign'));
    expect(await faultsOf('foreign', other.verifierKey)).toEqual([`log-key-untrusted ${at}`]);
  });

  it('tells all its keys with their times and sizes', async () => {
    const { ok, data } = showLogKey(await open(log.verifierKey));
    expect(ok).toBe(true);
    expect(data).toMatchObject({
      verifierKey: log.verifierKey,
      keys: [
        { verifierKey: log.verifierKey, fromSize: 0, untilSize: next.retiredAt, until: expect.any(String) },
        { verifierKey: next.verifierKey, fromSize: expect.any(Number), from: '2026-11-22T10:00:00.000Z' },
      ],
    });
  });
});

describe('an exported log that has withdrawn a next key', () => {
  let folder: string;
  let log: SmallLog;
  let lost: Awaited<ReturnType<SmallLog['withdrawKey']>>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'withdrawn-key-'));
    log = SmallLog.ofSize(20);
    lost = await log.withdrawKey();
    await log.export(join(folder, 'log'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const faultsOf = async (name: string): Promise<string[]> => {
    const at = { folder: join(folder, name), receipts: [], someBodies: false, quiet: true };
    const { verifierKey } = log;
    const walked = (await runVerification({ ...at, verifierKey })).data['faults' as never] as { kind: string }[];
    const opened = await openLog(name, { hub: new HubSettings({ verifierKey }, {}, undefined), env: {}, folder });
    const recomputed = (await fsck(opened)).faults;
    const kinds = (faults: readonly { kind: string }[]): string[] => faults.map(({ kind }) => kind);
    expect(kinds(recomputed)).toEqual(kinds(walked));
    return kinds(walked);
  };

  it('is whole, and says of that key that it was withdrawn', async () => {
    expect(await faultsOf('log')).toEqual([]);
    const shown = showLogKey({
      verifierKey: log.verifierKey,
      trusted: await trustedKeys(log.verifierKey, log.keyLinks),
    });
    const keys = (shown.data as { keys: { verifierKey: string; withdrawn?: true }[] }).keys;
    expect(keys.map(({ verifierKey, withdrawn }) => [verifierKey, withdrawn])).toEqual([
      [log.verifierKey, undefined],
      [lost.verifierKey, true],
    ]);
    expect(shown.lines.join('\n')).toContain('withdrawn at');
  });

  it('is found false where the newest checkpoint is signed by that key alone', async () => {
    const stolen = await log.export(join(folder, 'stolen'));
    await stolen.write('checkpoint', log.signedBy(lost.signer));
    expect(await faultsOf('stolen')).toEqual(['checkpoint-invalid']);
  });

  it('is found false where what lies beside it leaves out that it was withdrawn', async () => {
    const short = await log.export(join(folder, 'short'));
    const links = JSON.parse(Buffer.from(log.keyLinks!).toString('utf8')) as unknown[];
    await short.write(logKeysFile, JSON.stringify(links.slice(0, 2)));
    expect(await faultsOf('short')).toEqual(['log-keys-changed']);
  });
});
