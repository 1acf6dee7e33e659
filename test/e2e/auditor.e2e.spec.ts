import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { followLogKeys, type LogKeyLink, logKeysFile, openReleasedKey, parseLogKeyLinks } from '#envelope';
import { unwrap } from '#kernel';
import { openCheckpoint } from '#merkle';
import { until } from '#testing';
import { runCli } from '../../apps/cli/src/program.js';
import { type HubAgency, statute } from './hub-agency.js';
import { type RunningHub, startTestHub } from './running-hub.js';

interface ShownKey {
  readonly verifierKey: string;
  readonly untilSize?: number;
  readonly withdrawn?: boolean;
}

interface Ran {
  readonly code: number;
  readonly data: Record<string, unknown>;
}

describe('an auditor with the command line only', () => {
  let running: RunningHub;
  let folder: string;
  let municipality: HubAgency;
  let county: HubAgency;
  let receiptFile: string;
  let exchangeId: string;

  const kotovayla = async (...args: string[]): Promise<Ran> => {
    const out: string[] = [];
    const env = { KOTOVAYLA_HUB: join(folder, 'hub.json') };
    const code = await runCli([...args, '--json'], {
      env,
      folder,
      out: (line) => out.push(line),
      err: (line) => out.push(line),
    });
    return { code, data: JSON.parse(out.join('\n')) as Record<string, unknown> };
  };
  const asAuditor = ['--agency', 'A-TSV', '--vault', 'auditor.vault', '--key-file', 'auditor.key'];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kotovayla-auditor-'));
    running = await startTestHub();
    await writeFile(join(folder, 'hub.json'), JSON.stringify(running.hub));
    [municipality, county] = await Promise.all([running.agency('K-235'), running.agency('H-03')]);
    receiptFile = await passOneMessage();
  }, 180_000);

  afterAll(async () => {
    await running?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** An old checkpoint, and the links to the log's keys that are shown today. */
  async function keptFromBefore(): Promise<{ links: LogKeyLink[]; checkpoint: string }> {
    const links = unwrap(parseLogKeyLinks(await readFile(join(folder, 'after', logKeysFile), 'utf8')));
    return { links, checkpoint: await readFile(join(folder, 'before', 'checkpoint'), 'utf8') };
  }

  /** @returns file with the receipt that the county got, opened */
  async function passOneMessage(): Promise<string> {
    const context = municipality.context(county, 'request', { categories: [11], basis: [statute([11])] });
    ({ exchangeId } = context);
    const sealed = await municipality.seal(county, context);
    await municipality.post(sealed);
    await county.mailUntil(county.message(sealed.manifestHash));
    const { released } = await county.release(sealed.manifestHash);
    const { opening, ...receipt } = released!.receipt;
    const { body, commitmentKey } = unwrap(await openReleasedKey(opening, county.receiving));
    const path = join(folder, 'receipt.json');
    await writeFile(path, JSON.stringify({ ...receipt, body, commitmentKey: commitmentKey.toString('base64') }));
    return path;
  }

  it('joins: keys, thumbprint entered by the operator, records found in the log', async () => {
    const { data } = await kotovayla('auditor', 'keys', ...asAuditor);
    const operator = ['--agency', 'A-TSV', '--business-id', '0245437-2', '--thumbprint', String(data['thumbprint'])];
    const names = ['--name-fi', 'Valvova viranomainen', '--name-sv', 'Tillsynsmyndigheten'];

    expect((await kotovayla('agency', 'add', ...operator, ...names)).code).toBe(0);
    expect(await kotovayla('auditor', 'publish', ...asAuditor)).toMatchObject({ code: 0, data: { status: 'active' } });

    await until('the log shows all of them', async () => {
      const { agencies } = (await kotovayla('agency', 'list')).data as { agencies: Record<string, unknown>[] };
      return agencies.some(({ id, status, loggedKeys }) => id === 'A-TSV' && status === 'active' && loggedKeys === 5);
    });
    const { data: shown } = await kotovayla('agency', 'keys', 'A-TSV');
    expect(shown['keys']).toContainEqual(
      expect.objectContaining({ use: 'signing', thumbprint: data['thumbprint'], state: 'valid' }),
    );
  });

  it('exports the log with every body and proves it, a county’s receipt included', async () => {
    expect(await kotovayla('log', 'export', 'export', ...asAuditor)).toMatchObject({ code: 0 });
    const key = running.hub.pins.LOG_VERIFIER_KEY;
    const { code, data } = await kotovayla('verify', 'export', '--verifier-key', key, '--receipt', receiptFile);
    expect(data).toMatchObject({ ok: true, faults: [], gaps: [], receipts: [{ type: 'message-released' }] });
    expect(data['bodies']).toBe((data['entries'] as { opaque: number }).opaque);
    expect(code).toBe(0);
  });

  it('needs no account to check the log as the gateway shows it: whole, grown from the export, each entry proved', async () => {
    const exported = (await readFile(join(folder, 'export', 'checkpoint'), 'utf8')).split('\n')[1]!;
    const published = async (): Promise<boolean> => (await kotovayla('log', 'consistency', '0', exported)).code === 0;
    await until('what was exported is published', published);
    const { code, data } = await kotovayla('fsck', '--earlier', 'export');
    expect(data).toMatchObject({ ok: true, faults: [] });
    expect(code).toBe(0);
    expect(await kotovayla('log', 'proof', '0')).toMatchObject({ code: 0, data: { index: 0 } });
    expect(await kotovayla('log', 'consistency', '1', String(data['size']))).toMatchObject({ code: 0 });
    expect(await kotovayla('log', 'export', 'public')).toMatchObject({ code: 0 });
    expect(await kotovayla('fsck', 'public')).toMatchObject({ code: 0, data: { ok: true } });
    expect((await kotovayla('log', 'key')).data['verifierKey']).toBe(running.hub.pins.LOG_VERIFIER_KEY);
  });

  it('gets a COSE receipt of an entry, which an exported folder proves offline', async () => {
    expect(await kotovayla('log', 'proof', '1', '--cose')).toMatchObject({
      code: 0,
      data: { kind: 'inclusion', index: 1 },
    });
    const { size } = (await kotovayla('log', 'proof', '1', '--cose', '--out', 'kept.cose')).data as { size: number };
    const exported = async (): Promise<boolean> =>
      Number((await kotovayla('log', 'export', 'later')).data['size']) >= size;
    await until('the receipt’s tree is published', exported);
    const { code, data } = await kotovayla('verify-receipt', 'kept.cose', '--log', 'later');
    expect(data).toMatchObject({ ok: true, kind: 'inclusion', index: 1, size, issuer: running.hub.pins.LOG_ORIGIN });
    expect(code).toBe(0);
    const kept = await readFile(join(folder, 'kept.cose'));
    await writeFile(join(folder, 'changed.cose'), kept.with(-1, (kept.at(-1) ?? 0) ^ 1));
    expect((await kotovayla('verify-receipt', 'changed.cose', '--log', 'later')).code).toBe(1);
    const url = `${running.hub.pins.GATEWAY_URL}/v1/log/receipts/consistency?first=1`;
    await writeFile(join(folder, 'growth.cose'), Buffer.from(await (await fetch(url)).arrayBuffer()));
    await until('the later tree is published', async () => {
      await kotovayla('log', 'export', 'later');
      return (await kotovayla('verify-receipt', 'growth.cose', '--log', 'later')).code === 0;
    });
  });

  it('finds its own look in the log that it exports next', async () => {
    expect(await kotovayla('log', 'export', 'export', ...asAuditor)).toMatchObject({ code: 0 });
    expect(await readFile(join(folder, 'export', 'bodies.jsonl'), 'utf8')).toContain('log-search');
  });

  it('is told which entry is wrong when one byte of the export is changed', async () => {
    const size = Number((await readFile(join(folder, 'export', 'checkpoint'), 'utf8')).split('\n')[1]);
    const bundle = join(folder, 'export', 'tile', 'entries', size < 256 ? `000.p/${size}` : '000');
    const bytes = await readFile(bundle);
    bytes[30]! ^= 0x01;
    await writeFile(bundle, bytes);
    const { code, data } = await kotovayla('verify', 'export');
    expect(data['faults']).toContainEqual(expect.objectContaining({ kind: 'entry-changed', index: 0 }));
    expect(code).toBe(1);
  });

  it('sees nothing with keys that the hub does not know', async () => {
    const stranger = ['--agency', 'A-VTV', '--vault', 'stranger.vault', '--key-file', 'stranger.key'];
    await kotovayla('auditor', 'keys', ...stranger);
    expect(await kotovayla('auditor', 'publish', ...stranger)).toMatchObject({
      code: 1,
      data: { problem: { code: 'AGENCY_NOT_ONBOARDED' } },
    });
    expect(await kotovayla('log', 'export', 'other', ...stranger)).toMatchObject({
      code: 1,
      data: { problem: { code: 'UNAUTHENTICATED' } },
    });
  });

  it('keeps its proofs when the log withdraws a lost next key and changes its key: old and new receipts, an old checkpoint and bundles of each time, offline', async () => {
    const { supervisor, folder: data } = running.stack;
    const next = data.within('keys', 'next-log.jwk');
    const first = running.hub.pins.LOG_VERIFIER_KEY;
    /** Without the hub: with what lies in the folder and one known key. */
    const offline = async (...args: string[]): Promise<Ran> => {
      const lines: string[] = [];
      const out = (line: string) => void lines.push(line);
      const code = await runCli([...args, '--json'], { env: {}, folder, out, err: out });
      return { code, data: JSON.parse(lines.join('\n')) as Record<string, unknown> };
    };
    const keysOnce = async (wished: (keys: readonly ShownKey[]) => boolean): Promise<string[]> => {
      let keys: readonly ShownKey[] = [];
      await until('the keys of the log', async () => {
        const { code, data: shown } = await kotovayla('log', 'key');
        keys = code === 0 ? (shown['keys'] as ShownKey[]) : [];
        return wished(keys);
      });
      return keys.map(({ verifierKey }) => verifierKey);
    };
    const exportBeyond = async (name: string, size: number): Promise<void> =>
      until(
        `the tree of ${size} entries is published`,
        async () => Number((await kotovayla('log', 'export', name)).data['size']) >= size,
      );
    const given = async (name: string): Promise<number> =>
      Number((await kotovayla('log', 'proof', '1', '--cose', '--out', name)).data['size']);

    expect(await kotovayla('evidence', exchangeId, '--out', 'before.zip', ...asAuditor)).toMatchObject({ code: 0 });
    await given('before.cose');
    await exportBeyond('before', 1);

    const lostFile = data.within('keys', 'lost-log.jwk');
    await supervisor.reconfigure('audit', { LOG_NEXT_KEY_FILE: lostFile });
    const [, lost = ''] = await keysOnce((keys) => keys.length === 2);
    await given('announced.cose');
    expect(await kotovayla('evidence', exchangeId, '--out', 'announced.zip', ...asAuditor)).toMatchObject({ code: 0 });
    await rm(lostFile);
    await supervisor.reconfigure('audit', { LOG_NEXT_KEY_FILE: undefined, LOG_WITHDRAWN_KEY: lost });
    await keysOnce((keys) => keys.some(({ withdrawn }) => withdrawn === true));
    await exportBeyond('withdrawn', await given('withdrawn.cose'));
    expect(await kotovayla('evidence', exchangeId, '--out', 'withdrawn.zip', ...asAuditor)).toMatchObject({ code: 0 });

    await supervisor.reconfigure('audit', { LOG_NEXT_KEY_FILE: next });
    await keysOnce((keys) => keys.length === 3);
    await given('meanwhile.cose');
    await supervisor.reconfigure('audit', { LOG_KEY_FILE: next, LOG_NEXT_KEY_FILE: undefined });
    const [, , newest = ''] = await keysOnce(([before]) => before?.untilSize !== undefined);
    await exportBeyond('after', await given('after.cose'));

    for (const key of [first, newest]) {
      const known = ['--verifier-key', key];
      for (const receipt of ['before.cose', 'announced.cose', 'withdrawn.cose', 'meanwhile.cose', 'after.cose'])
        expect(await offline('verify-receipt', receipt, '--log', 'after', ...known)).toMatchObject({
          code: 0,
          data: { ok: true, index: 1 },
        });
      expect(await offline('fsck', 'after', '--earlier', 'before', ...known)).toMatchObject({
        code: 0,
        data: { faults: [] },
      });
    }
    // What was made before the change names no later key: who holds it knows the first one.
    for (const kept of ['before.zip', 'before', 'announced.zip', 'withdrawn.zip', 'withdrawn'])
      expect(await offline('verify', kept, '--verifier-key', first)).toMatchObject({ code: 0, data: { ok: true } });
    const { links, checkpoint } = await keptFromBefore();
    const chain = unwrap(await followLogKeys(newest, links));
    expect(openCheckpoint(checkpoint, chain).ok).toBe(true);
    expect(await kotovayla('evidence', exchangeId, '--out', 'after.zip', ...asAuditor)).toMatchObject({ code: 0 });
    for (const key of [first, newest])
      expect(await offline('verify', 'after.zip', '--verifier-key', key)).toMatchObject({
        code: 0,
        data: { ok: true },
      });
  }, 300_000);

  it('is told that nothing is parked, and of no such message', async () => {
    expect(await kotovayla('parked', 'list')).toMatchObject({ code: 0, data: { parked: [] } });
    expect((await kotovayla('parked', 'retry', '999999')).code).toBe(1);
  });

  it('is told by every service that consumes that nothing is set aside, and of no such record', async () => {
    expect(await kotovayla('set-aside', 'list')).toMatchObject({ code: 0, data: { records: [] } });
    for (const service of ['exchange', 'consent', 'directory', 'audit'])
      expect(await kotovayla('set-aside', 'retry', `${service}/quarantine/999999`)).toMatchObject({
        code: 1,
        data: { retried: [{ result: 'failed', code: 'NOT_FOUND' }] },
      });
  });
});
