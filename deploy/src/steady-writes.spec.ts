import { appendFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SteadyWrites } from './steady-writes.js';

let data: string;
let reported: string[];
let writes: SteadyWrites;
const path = (...names: string[]): string => join(data, 'base', ...names);

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'kotovayla-cluster-'));
  reported = [];
  writes = new SteadyWrites(data, (line) => reported.push(line));
  mkdirSync(path('5'), { recursive: true });
  mkdirSync(path('16384'));
  for (const name of ['1259', '16390', '16390.1', '16390_vm', 'PG_VERSION']) writeFileSync(path('16384', name), 'page');
  writeFileSync(path('5', '16400'), 'page');
});
afterEach(async () => {
  await writes.close();
  rmSync(data, { recursive: true, force: true });
});

describe('the tables of a database', () => {
  it('are written out, but for what came with the cluster', async () =>
    expect((await writes.writeOut()).sort()).toEqual(['16384/16390', '16384/16390.1', '16384/16390_vm']));

  it('are written out again once they have changed, and not before', async () => {
    await writes.writeOut();
    expect(await writes.writeOut()).toEqual([]);
    appendFileSync(path('16384', '16390.1'), 'page');
    utimesSync(path('16384', '16390.1'), 2_000_000_000, 2_000_000_000);
    expect(await writes.writeOut()).toEqual(['16384/16390.1']);
  });

  it('can be dropped meanwhile', async () => {
    await writes.writeOut();
    rmSync(path('16384'), { recursive: true });
    expect(await writes.writeOut()).toEqual([]);
  });

  it('that cannot be looked at are told of once, and left alone from then on', async () => {
    rmSync(join(data, 'base'), { recursive: true });
    writes.start();
    while (reported.length === 0) await setTimeout(20);
    expect(reported).toEqual([expect.stringContaining('ENOENT')]);
  });
});
