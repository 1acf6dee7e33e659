import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { unwrap } from '#kernel';
import { leafHash, parseProof, verifyConsistency, verifyProof } from '#merkle';
import type { LogFolder } from '../infra/log-folder.js';
import { runCli } from '../program.js';
import { ServedLog } from '../testing/served-folder.fixture.js';
import { cosignedFile } from '../domain/log-files.js';
import { SmallLog } from '../testing/small-log.fixture.js';
import { TestWitnesses } from '../testing/witnesses.fixture.js';

const size = 700;
const log = SmallLog.ofSize(size);
let temporary: string;
let folder: LogFolder;
let served: ServedLog;

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'kotovayla-public-'));
  folder = await log.export(join(temporary, 'log'));
  served = await ServedLog.start(folder);
});
afterAll(async () => {
  await served.stop();
  await rm(temporary, { recursive: true, force: true });
});

async function kotovayla(...args: string[]): Promise<{ code: number; data: Record<string, unknown> }> {
  const out: string[] = [];
  const env = {
    GATEWAY_URL: served.gateway,
    LOG_VERIFIER_KEY: log.verifierKey,
    KOTOVAYLA_HUB: join(temporary, 'none'),
  };
  const code = await runCli([...args, '--json'], {
    env,
    folder: temporary,
    out: (line) => out.push(line),
    err: (line) => out.push(line),
  });
  return { code, data: code === 2 ? {} : (JSON.parse(out.join('\n')) as Record<string, unknown>) };
}

describe.each([
  ['the gateway', []],
  ['its URL', ['--log', 'URL']],
  ['a folder', ['--log', 'log']],
])('by the files of %s', (_, named) => {
  const where = (): string[] => named.map((word) => (word === 'URL' ? `${served.gateway}/log` : word));

  it.each([0, 255, 256, 512, 699])('entry %i is proved by a file that anybody can verify', async (index) => {
    const { code } = await kotovayla('log', 'proof', String(index), ...where());
    expect(code).toBe(0);
    const proof = unwrap(parseProof(await readFile(join(temporary, `${index}.tlog-proof`), 'utf8')));
    expect(proof.index).toBe(BigInt(index));
    expect(verifyProof(proof, leafHash(log.entries[index]!), log.verifier)).toMatchObject({ ok: true });
    expect(verifyProof(proof, leafHash(log.entries[index - 1] ?? log.entries[1]!), log.verifier)).toMatchObject({
      ok: false,
    });
  });

  it.each([
    [1, 700],
    [256, 512],
    [300, 300],
    [0, 700],
  ])('the log of %i entries is proved to be the beginning of that of %i', async (first, second) => {
    const { code, data } = await kotovayla('log', 'consistency', String(first), String(second), ...where());
    expect(code).toBe(0);
    const roots = data['roots'] as { first: string; second: string };
    const bytes = (text: string): Buffer => Buffer.from(text, 'base64');
    expect(roots.second).toBe(log.checkpoint(second).split('\n')[2]);
    if (first === 0) return;
    const proof = (data['hashes'] as string[]).map(bytes);
    const claim = { first, second, firstRoot: bytes(roots.first), secondRoot: bytes(roots.second), proof };
    expect(verifyConsistency(claim)).toMatchObject({ ok: true });
  });

  it('the whole log is copied, and verifies', async () => {
    const copy = join(temporary, `copy-${named.length}-${named[1]?.length ?? 0}`);
    expect(await kotovayla('log', 'export', copy, ...where())).toMatchObject({ code: 0, data: { size } });
    expect(await kotovayla('verify', copy)).toMatchObject({ code: 0, data: { ok: true, size } });
  });
});

describe('a proof', () => {
  it('of an entry that is not there yet is refused', async () => {
    expect(await kotovayla('log', 'proof', '700')).toMatchObject({ code: 1, data: { problem: { code: 'NOT_FOUND' } } });
    expect(await kotovayla('log', 'consistency', '3', '701')).toMatchObject({
      code: 1,
      data: { problem: { code: 'NOT_FOUND' } },
    });
  });

  it('is not written where the tiles do not lead to the signed root', async () => {
    const lying = await ServedLog.start({
      read: async (path) => (path === 'tile/0/000' ? Buffer.alloc(8_192) : folder.read(path)),
    });
    const { code, data } = await kotovayla('log', 'proof', '5', '--log', `${lying.gateway}/log`);
    expect({ code, problem: data['problem'] }).toMatchObject({ code: 1, problem: { code: 'RECEIPT_INVALID' } });
    await lying.stop();
  });

  it('under another key than the known one is refused', async () => {
    const key = ['--verifier-key', new SmallLog().verifierKey];
    expect(await kotovayla('log', 'proof', '5', ...key)).toMatchObject({
      code: 1,
      data: { problem: { code: 'CHECKPOINT_INVALID' } },
    });
  });
});

describe('where a policy says who must have cosigned', () => {
  const witnesses = new TestWitnesses(log.verifier);
  const both = ['--policy', 'both.policy'];

  beforeAll(async () => {
    await writeFile(join(temporary, 'both.policy'), witnesses.policyText);
    await writeFile(join(temporary, 'others.policy'), new TestWitnesses(log.verifier).policyText);
    const cosigned = await log.export(join(temporary, 'cosigned'));
    await cosigned.write(cosignedFile, witnesses.cosigned(log.checkpoint(500), 'kauniainen', 'kela'));
  });

  it('a proof is given under a checkpoint that is witnessed, though the log has grown since', async () => {
    expect(await kotovayla('log', 'proof', '300', ...both, '--log', 'cosigned')).toMatchObject({
      code: 0,
      data: { index: 300, size: 500 },
    });
    const proof = unwrap(parseProof(await readFile(join(temporary, '300.tlog-proof'), 'utf8')));
    expect(proof.checkpoint.split('\n')).toHaveLength(8);
    expect(verifyProof(proof, leafHash(log.entries[300]!), log.verifier)).toMatchObject({ ok: true });
  });

  it('a proof file is verified with the entry, the log’s key and the policy alone', async () => {
    await kotovayla('log', 'proof', '301', ...both, '--log', 'cosigned');
    const verify = (...args: string[]) =>
      kotovayla('verify', '301.tlog-proof', '--verifier-key', log.verifierKey, ...args);
    await writeFile(join(temporary, '301.entry'), log.entries[301]!);
    const leaf = (index: number): string[] => ['--leaf-hash', leafHash(log.entries[index]!).toString('base64')];
    const found = { code: 0, data: { index: 301, size: 500, witnessed: { by: ['kauniainen', 'kela'] } } };
    expect(await verify('--entry', '301.entry', ...both)).toMatchObject(found);
    expect(await verify(...leaf(301), ...both)).toMatchObject(found);
    const refused = (code: string) => ({ code: 1, data: { problem: { code } } });
    expect(await verify(...leaf(300), ...both)).toMatchObject(refused('RECEIPT_INVALID'));
    expect(await verify(...leaf(301), '--policy', 'others.policy')).toMatchObject(refused('LOG_NOT_WITNESSED'));
    expect((await verify(...both)).code).toBe(2);
  });

  it('an export is witnessed as far as both operators cosigned it, and named where they did not', async () => {
    expect(await kotovayla('verify', 'cosigned', ...both)).toMatchObject({
      code: 0,
      data: { witnessed: { size: 500 } },
    });
    expect(await kotovayla('verify', 'cosigned', '--policy', 'others.policy')).toMatchObject({
      code: 1,
      data: { ok: false, faults: [{ kind: 'checkpoint-unwitnessed', code: 'LOG_NOT_WITNESSED' }] },
    });
  });
});

describe('the log’s key', () => {
  it('is told as it is pinned', async () => {
    expect(await kotovayla('log', 'key')).toMatchObject({ code: 0, data: { verifierKey: log.verifierKey } });
  });
});

describe('a log that is named wrongly', () => {
  it.each([['nowhere'], ['database']])('%s is a usage error', async (name) => {
    expect((await kotovayla('log', 'proof', '1', '--log', name)).code).toBe(2);
  });
});
