import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { flipByte } from './testing/flip-byte.fixture.js';
import { SmallLog, withTemporaryFolder } from './testing/small-log.fixture.js';
import { runCli } from './program.js';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function kotovayla(folder: string, ...args: string[]): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCli(args, {
    env: { KOTOVAYLA_HUB: join(folder, 'no-hub.json') },
    folder,
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

describe('exit codes', () => {
  it('0 for an export that verifies, whatever folder it is named from', () =>
    withTemporaryFolder(async (folder) => {
      const log = SmallLog.ofSize(20);
      await log.export(join(folder, 'export'));
      const { code, out } = await kotovayla(folder, 'verify', 'export', '--verifier-key', log.verifierKey);
      expect(out).toContain('Verified');
      expect(code).toBe(0);
    }));

  it('1 for one that does not, with code and entry', () =>
    withTemporaryFolder(async (folder) => {
      const log = SmallLog.ofSize(20);
      const exported = await log.export(join(folder, 'export'));
      await flipByte(exported, 'tile/entries/000.p/20', 30);
      const { code, out } = await kotovayla(folder, 'verify', 'export');
      expect(out).toMatch(/FAULT entry-changed LEAF_MISMATCH at entry 0, event [0-9a-f]{32}/);
      expect(code).toBe(1);
    }));

  it('1 for a service that does not answer, with its code', () =>
    withTemporaryFolder(async (folder) => {
      const { code, out } = await kotovayla(folder, 'parked', 'list', '--exchange', '127.0.0.1:9', '--json');
      expect(JSON.parse(out)).toMatchObject({ ok: false, problem: { code: 'UNAVAILABLE' } });
      expect(code).toBe(1);
    }));

  it.each([
    ['an unknown command', ['undo']],
    ['a missing folder', ['verify']],
    ['an agency id that is none', ['agency', 'keys', '235', '--directory', '127.0.0.1:9']],
    [
      'a thumbprint that is none',
      ['agency', 'add', '--agency', 'K-235', '--business-id', '0203026-2', '--thumbprint', 'x'],
    ],
    [
      'an auditor whose keys stand in no file',
      ['auditor', 'appoint', 'none.json', '--agency', 'K-235', '--vault', 'v', '--key-file', 'k'],
    ],
    ['a vault without its agency', ['log', 'export', 'export', '--vault', 'v']],
    ['an address that stands nowhere', ['agency', 'list']],
    ['a discard without a reason', ['parked', 'discard', '7']],
    [
      'an end of a record without its hash',
      [
        'set-aside',
        'discard',
        'exchange/quarantine/12',
        '--operator',
        'A',
        '--reason',
        'b',
        '--exchange',
        '127.0.0.1:9',
      ],
    ],
    ['a record that is none', ['set-aside', 'retry', 'exchange/12', '--exchange', '127.0.0.1:9']],
    ['a service that sets nothing aside', ['set-aside', 'list', '--service', 'gateway']],
  ])('2 for %s', (_, args) =>
    withTemporaryFolder(async (folder) => {
      const { code, out, err } = await kotovayla(folder, ...args);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).not.toBe('');
    }),
  );

  it('takes a hash for what it is, also where it begins as an option does', () =>
    withTemporaryFolder(async (folder) => {
      const by = ['--agency', 'A-TSV', '--vault', 'none', '--key-file', 'none', '--worker', 'w-1', '--json'];
      const { out } = await kotovayla(folder, 'hold', 'lift', ...by.slice(0, 2), `-${'x'.repeat(42)}`, ...by.slice(2));
      expect(JSON.parse(out)).toMatchObject({ problem: { code: 'NOT_FOUND' } });
    }));

  it('0 for help', () =>
    withTemporaryFolder(async (folder) => {
      const { code, out } = await kotovayla(folder, '--help');
      expect(code).toBe(0);
      for (const command of ['agency', 'parked', 'auditor', 'log', 'verify']) expect(out).toContain(command);
    }));
});

describe('--json', () => {
  it('gives the report as data, faults with kind, code and index', () =>
    withTemporaryFolder(async (folder) => {
      const log = SmallLog.ofSize(20);
      const exported = await log.export(join(folder, 'export'));
      await flipByte(exported, 'tile/entries/000.p/20', 30);
      const { out } = await kotovayla(folder, 'verify', 'export', '--json');
      expect(JSON.parse(out)).toMatchObject({
        ok: false,
        origin: 'log.test.example',
        size: 20,
        keyFrom: 'folder',
        faults: [{ kind: 'entry-changed', code: 'LEAF_MISMATCH', index: 0 }, { kind: 'root-mismatch' }],
      });
    }));
});
