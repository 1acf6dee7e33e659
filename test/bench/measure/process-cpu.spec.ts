import { describe, expect, it } from '@jest/globals';
import { cpuOfTrees, parseStat, readProcesses } from './process-cpu.js';

const stat = (pid: number, parent: number, cpuMs: number) => ({ pid, parent, cpuMs });

describe('CPU by process', () => {
  it('is read past a command that looks like fields', () => {
    const line = '42 (a) S 9 (b) R 7 42 42 0 -1 4194560 100 0 0 0 11 5 3 1 20 0 12 0 99 0 0';
    expect(parseStat(line)).toEqual({ pid: 42, parent: 7, cpuMs: 200 });
  });

  it('holds the descendants of a server, and not those of another', () => {
    const all = [stat(1, 0, 1_000), stat(10, 1, 5), stat(11, 10, 20), stat(12, 11, 40), stat(20, 1, 7)];
    const roots = new Map([
      ['postgres', 10],
      ['kafka', 20],
    ]);
    expect([...cpuOfTrees(roots, all)]).toEqual([
      ['postgres', 65],
      ['kafka', 7],
    ]);
  });

  it('leaves out the connection of who looks', () => {
    const all = [stat(10, 1, 5), stat(11, 10, 20), stat(12, 10, 40)];
    expect(cpuOfTrees(new Map([['postgres', 10]]), all, new Set([12])).get('postgres')).toBe(25);
  });

  it('is nothing for a process that is not there', () => {
    expect(cpuOfTrees(new Map([['kafka', 20]]), []).get('kafka')).toBe(0);
  });

  it('is told of this very process', () => {
    const expected = process.platform === 'linux';
    expect(readProcesses().some(({ pid, cpuMs }) => pid === process.pid && cpuMs > 0)).toBe(expected);
  });
});
