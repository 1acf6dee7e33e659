import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compiled } from '../../../deploy/src/clone.js';

/** Turns the sampling profiler of running services on and off. */
export interface ServiceProfiles {
  begin(pids: ReadonlyMap<string, number>): Promise<void>;
  end(): Promise<void>;
}

const WRITTEN_WITHIN_MS = 20_000;

/**
 * To be called before the services start: they get, by NODE_OPTIONS, a module that profiles between two SIGUSR2. Writes
 * `<service>.cpuprofile` into the folder. A profiled run is slower, so its other figures do not count.
 */
export function profileServices(folder: string): ServiceProfiles {
  mkdirSync(folder, { recursive: true });
  const module = pathToFileURL(compiled('test/bench/measure/profile-on-signal.js')).href;
  process.env['NODE_OPTIONS'] = `${process.env['NODE_OPTIONS'] ?? ''} --import=${module}`.trim();
  process.env['BENCH_PROFILE_FOLDER'] = resolve(folder);
  let profiled: ReadonlyMap<string, number> = new Map();
  const signalAll = (): void => {
    for (const pid of profiled.values()) process.kill(pid, 'SIGUSR2');
  };
  return {
    begin: async (pids) => {
      profiled = pids;
      signalAll();
    },
    end: async () => {
      signalAll();
      const files = [...profiled.values()].map((pid) => join(resolve(folder), `${pid}.cpuprofile`));
      const deadline = Date.now() + WRITTEN_WITHIN_MS;
      while (!files.every(existsSync)) {
        if (Date.now() > deadline) throw new Error('the profiles were not written in time');
        await new Promise((again) => setTimeout(again, 50));
      }
      for (const [name, pid] of profiled) console.error(`profile of ${name}: ${pid}.cpuprofile`);
    },
  };
}
