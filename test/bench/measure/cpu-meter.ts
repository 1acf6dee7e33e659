import { setTimeout as delay } from 'node:timers/promises';
import { cpuOfTrees, readProcesses } from './process-cpu.js';

/** Milliseconds of CPU by process, and of wall-clock time, between two looks. */
export interface CpuSpan {
  readonly wallMs: number;
  readonly cpuMs: ReadonlyMap<string, number>;
}

/** Looks at a fixed set of processes, each with its descendants. */
export class CpuMeter {
  /** @param apart processes that do not count: connections of the bench itself */
  constructor(
    private readonly roots: ReadonlyMap<string, number>,
    private readonly apart: ReadonlySet<number>,
  ) {}

  /** Begins a span; the returned function ends it. */
  begin(): () => CpuSpan {
    const before = this.look();
    const begun = performance.now();
    return () => {
      const after = this.look();
      const cpuMs = new Map([...after].map(([name, ms]) => [name, ms - (before.get(name) ?? 0)]));
      return { wallMs: performance.now() - begun, cpuMs };
    };
  }

  async over(ms: number): Promise<CpuSpan> {
    const end = this.begin();
    await delay(ms);
    return end();
  }

  private look(): Map<string, number> {
    return cpuOfTrees(this.roots, readProcesses(), this.apart);
  }
}
