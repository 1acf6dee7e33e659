import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { runAuditBench } from './audit/run-audit-bench.js';
import { runSearchBench } from './audit/run-search-bench.js';
import { runWitnessBench } from './audit/run-witness-bench.js';
import { runExchangeBench } from './exchange/run-exchange-bench.js';
import { runEvidenceBench } from './large-log/run-evidence-bench.js';
import { runExportBench } from './large-log/run-export-bench.js';
import { runFsckBench } from './large-log/run-fsck-bench.js';
import { runRewrapBench } from './large-log/run-rewrap-bench.js';
import { runPermitBench } from './permits/run-permit-bench.js';
import { runReconcileBench } from './reconcile/run-reconcile-bench.js';

const usage = `npm run bench -- exchange [--exchanges N] [--in-flight C] [--warm-up W] [--json FILE] [--profile FOLDER]
npm run bench -- permits [--few N] [--many N] [--batches N] [--json FILE]
npm run bench -- fsck [--entries N] [--keep FOLDER] [--json FILE]    a log of 1,000,000, by \`kotovayla fsck\` wherever it lies
npm run bench -- export [--entries N] [--of K] [--keep FOLDER] [--json FILE]    an agency's entries over HTTP, cut and resumed; the log into a folder
npm run bench -- evidence [--entries N] [--json FILE]    evidence of a transfer and a tombstone, read over HTTP from a large log
npm run bench -- rewrap [--entries N] [--keep FOLDER] [--json FILE]    an erasure, after which all others are wrapped anew
npm run bench -- audit [--entries N] [--json FILE]    the log's appender, beside plain inserts of the same rows
npm run bench -- search [--entries N] [--queries N] [--json FILE]    each kind of query over an appended log
npm run bench -- reconcile [--entries N] [--json FILE]    events held against the log, beside an anti-join in SQL
npm run bench -- witnesses [--entries N] [--json FILE]    the appender with and without witnesses beside it, in turn

  --exchanges  requests with their answers that are measured (200)
  --in-flight  how many of them are under way at a time (16)
  --warm-up    exchanges before the measured ones, not counted (100)
  --json       writes all figures to this file
  --keep       leaves the generated log in this folder, or takes the one that lies there
  --of         the exported agency is a party of every so many of them (1: of all)
  --profile    writes a CPU profile of each service over the measured time, for Chrome's or Node's tools

  --few        consents stored in the small database (1000)
  --many       consents stored in the large one (1000000)
  --batches    batches of 64 permits that are measured over each (40)`;

const number = (name: string, text: string, lowest: number): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < lowest) misused(`--${name} takes a whole number from ${lowest}`);
  return value;
};

function misused(what: string): never {
  console.error(`${what}\n\n${usage}`);
  process.exit(2);
}

function read() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        exchanges: { type: 'string', default: '200' },
        'in-flight': { type: 'string', default: '16' },
        'warm-up': { type: 'string', default: '100' },
        json: { type: 'string' },
        profile: { type: 'string' },
        few: { type: 'string', default: '1000' },
        many: { type: 'string', default: '1000000' },
        batches: { type: 'string', default: '40' },
      },
    });
  } catch (error) {
    return misused(error instanceof Error ? error.message : String(error));
  }
}

if (process.argv[2] === 'audit') process.exit(await runAuditBench(process.argv.slice(3)));
if (process.argv[2] === 'search') process.exit(await runSearchBench(process.argv.slice(3)));
if (process.argv[2] === 'reconcile') process.exit(await runReconcileBench(process.argv.slice(3)));
if (process.argv[2] === 'witnesses') process.exit(await runWitnessBench(process.argv.slice(3)));
if (process.argv[2] === 'fsck') process.exit(await runFsckBench(process.argv.slice(3)));
if (process.argv[2] === 'evidence') process.exit(await runEvidenceBench(process.argv.slice(3)));
if (process.argv[2] === 'export') process.exit(await runExportBench(process.argv.slice(3)));
if (process.argv[2] === 'rewrap') process.exit(await runRewrapBench(process.argv.slice(3)));

// The floor's Kafka client writes through Nest's logger, which would mix with the figures on stdout.
Logger.overrideLogger(['error']);

const { positionals, values } = read();
const [bench] = positionals;
if (positionals.length !== 1 || (bench !== 'exchange' && bench !== 'permits'))
  misused(
    'Which bench? There are: exchange, permits, fsck, evidence, export, rewrap, audit, search, reconcile, witnesses',
  );

process.exit(
  bench === 'permits'
    ? await runPermitBench({
        stored: [number('few', values.few, 1), number('many', values.many, 1)],
        batches: number('batches', values.batches, 1),
        json: values.json,
      })
    : await runExchangeBench({
        exchanges: number('exchanges', values.exchanges, 1),
        inFlight: number('in-flight', values['in-flight'], 1),
        warmUp: number('warm-up', values['warm-up'], 0),
        json: values.json,
        profile: values.profile,
      }),
);
