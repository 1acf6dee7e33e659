import { type KeyObject, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { unwrap } from '#kernel';
import {
  allowsTwoBranches,
  cosigner,
  cosignerKey,
  ed25519NoteSigner,
  formatCheckpoint,
  judgeWitnessed,
  MemoryTree,
  parsePolicy,
  signNote,
  withSignatureLines,
} from './index.js';
import { distinctLeaves } from './reference-tree.fixture.js';

const names = ['a1', 'a2', 'b1', 'c1', 'c2', 'd1'];
const keys = new Map(names.map((name) => [name, generateKeyPairSync('ed25519')]));
const log = generateKeyPairSync('ed25519').privateKey;
const witnesses = names
  .map((name) => `witness ${name} ${cosignerKey(`${name}.example`, keys.get(name)!.publicKey)}\n`)
  .join('');
const policy = (lines: string) => unwrap(parsePolicy(witnesses + lines));

const now = new Date('2026-11-26T12:00:00Z');
const text = formatCheckpoint({ origin: 'log.example', size: 5, root: MemoryTree.of(distinctLeaves(5)).root() });
const note = signNote(text, [ed25519NoteSigner('log.example', log)]);
const lineOf = (name: string, at = now, key: KeyObject = keys.get(name)!.privateKey): string =>
  signNote(text, [cosigner(`${name}.example`, key, at)])
    .slice(text.length + 1)
    .trimEnd();
const cosignedBy = (...by: string[]): string =>
  withSignatureLines(
    note,
    by.map((name) => lineOf(name)),
  );

describe('a policy in which an IT host runs two witnesses', () => {
  const hosts = policy('group host all a1 a2\ngroup majority 2 host b1 c1\nquorum majority\n');

  test.each([
    [['b1', 'c1'], true],
    [['a1', 'a2', 'b1'], true],
    [['a1', 'a2'], false],
    [['a1', 'b1'], false],
    [['b1'], false],
    [[], false],
  ])('%j make a quorum: %s', (by, quorum) => {
    expect(unwrap(judgeWitnessed(cosignedBy(...by), hosts, now)).quorum).toBe(quorum);
  });

  test('names who cosigned, and when', () => {
    const { cosignatures } = unwrap(judgeWitnessed(cosignedBy('c1', 'b1'), hosts, now));
    expect(cosignatures.map(({ witness, at }) => [witness, at])).toEqual([
      ['b1', now],
      ['c1', now],
    ]);
  });

  test('counts no cosignature from the future', () => {
    const early = new Date(now.getTime() - 1_000);
    expect(unwrap(judgeWitnessed(cosignedBy('b1', 'c1'), hosts, early))).toEqual({ quorum: false, cosignatures: [] });
  });

  test('takes the newest of several cosignatures of one witness, and counts it once', () => {
    const later = new Date(now.getTime() + 5_000);
    const twice = withSignatureLines(note, [lineOf('b1', later), lineOf('b1')]);
    const { quorum, cosignatures } = unwrap(judgeWitnessed(twice, hosts, later));
    expect(quorum).toBe(false);
    expect(cosignatures.map(({ at }) => at)).toEqual([later]);
  });

  test('is spoiled by a line under the key of a witness that it did not make', () => {
    const forged = lineOf('b1', now).replace(/.{8}$/, 'AAAAAA==');
    expect(judgeWitnessed(withSignatureLines(note, [forged]), hosts, now)).toMatchObject({
      ok: false,
      error: { code: 'CHECKPOINT_INVALID' },
    });
  });

  test('a line stands in a note once', () => {
    const once = cosignedBy('b1');
    expect(withSignatureLines(once, [lineOf('b1'), lineOf('b1')])).toBe(once);
  });
});

describe('two branches of a log, each seen by other honest witnesses', () => {
  test.each([
    ['no quorum at all', 'quorum none\n', true],
    ['one witness', 'quorum b1\n', false],
    ['one of two', 'group any any a1 b1\nquorum any\n', true],
    ['two of three', 'group most 2 a1 b1 c1\nquorum most\n', false],
    ['two of four', 'group half 2 a1 b1 c1 d1\nquorum half\n', true],
    ['three of four', 'group most 3 a1 b1 c1 d1\nquorum most\n', false],
    ['a host of which one of two is enough', 'group host any a1 a2\ngroup most 2 host b1 c1\nquorum most\n', true],
    ['a host of which both are needed', 'group host all a1 a2\ngroup most 2 host b1 c1\nquorum most\n', false],
    [
      'two such hosts of which one is enough',
      'group h any a1 a2\ngroup g any c1 c2\ngroup m all h g b1\nquorum m\n',
      false,
    ],
    ['only hosts of which one is enough', 'group h any a1 a2\ngroup g any c1 c2\ngroup m all h g\nquorum m\n', true],
  ])('%s', (_name, lines, both) => {
    expect(allowsTwoBranches(policy(lines))).toBe(both);
  });
});
