import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine, machineLine } from '../measure/machine.js';
import { type EntriesFigures, exportEntriesOfLargest, printedEntries } from './export-entries-of-largest.js';
import { withLargeLog } from './large-log.js';
import { type CliRun, runCli } from './run-cli.js';

/** `npm run bench -- export`: the log into a folder, all entries of its largest agency as an export, and both verified. */
export async function runExportBench(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      entries: { type: 'string', default: '1000000' },
      of: { type: 'string', default: '1' },
      keep: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const asked = { entries: Number(values.entries), everyOfLargest: Number(values.of), keep: values.keep };
  return withLargeLog(asked, async (log) => {
    const target = mkdtempSync(join(tmpdir(), 'kotovayla-export-'));
    try {
      console.log(machineLine());
      const entries: EntriesFigures = await exportEntriesOfLargest(log, target);
      for (const line of printedEntries(entries)) console.log(line);
      const key = ['--verifier-key', log.verifierKey];
      const keys = await runCli(['log', 'key', '--log', log.ownerUrl, ...key, '--json']);
      console.log(`  log key, from the database: ${keys.seconds.toFixed(2)} s, CPU ${keys.cpuSeconds.toFixed(1)} s`);
      const copied = await runCli(['log', 'export', join(target, 'log'), '--log', log.ownerUrl, ...key, '--json']);
      console.log(line(`log export, ${log.entries} entries`, log.entries, copied));
      const proved = await runCli(['verify', join(target, 'log'), ...key, '--json']);
      console.log(line('verify', log.entries, proved));
      const figures = { bench: 'export', ...machine(), entries: log.entries, exported: entries, keys, copied, proved };
      if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  });
}

const line = (what: string, entries: number, { seconds, cpuSeconds, rssMb }: CliRun): string =>
  `  ${what}: ${seconds.toFixed(1)} s, ${Math.round(entries / seconds)} entries/s, CPU ${cpuSeconds.toFixed(1)} s, ${rssMb} MB at most`;
