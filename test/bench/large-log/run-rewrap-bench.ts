import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { ErasingHub, somebody } from '../../../apps/audit/src/testing/erasing-hub.fixture.js';
import { party } from '../../../apps/audit/src/testing/parties.fixture.js';
import { machine, machineLine } from '../measure/machine.js';
import { type LargeLog, megabytes, withLargeLog } from './large-log.js';

const sampleEveryMs = 200;

/** `npm run bench -- rewrap`: three entries are erased and all others wrapped anew, beside a plain UPDATE of the same rows. */
export async function runRewrapBench(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { entries: { type: 'string', default: '1000000' }, keep: { type: 'string' }, json: { type: 'string' } },
  });
  return withLargeLog({ entries: Number(values.entries), keep: values.keep }, async (log) => {
    console.log(machineLine());
    const erasure = await erase(log);
    const floorSeconds = await plainUpdate(log);
    const { seconds, rewrapped, rssMb } = erasure;
    const ratio = seconds / floorSeconds;
    console.log(
      `erasure of 3 entries of ${log.entries}: ${seconds.toFixed(1)} s, ${rewrapped} secrets wrapped anew, ` +
        `${Math.round(rewrapped / seconds)}/s; memory ${rssMb.start} MB at the start, ${rssMb.most} at most`,
    );
    console.log(`  plain UPDATE of the same rows ${floorSeconds.toFixed(1)} s, ratio ${ratio.toFixed(2)}`);
    const figures = { bench: 'rewrap', ...machine(), entries: log.entries, ...erasure, floorSeconds, ratio };
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  });
}

interface ErasureFigures {
  readonly seconds: number;
  readonly rewrapped: number;
  readonly rssMb: { readonly start: number; readonly most: number };
}

async function erase({ places, entries }: LargeLog): Promise<ErasureFigures> {
  const parties = await Promise.all(['K-235', 'H-03', 'A-TSV'].map((id) => party(id)));
  const [city, county, ombudsman] = parties as [Party, Party, Party];
  const hub = await ErasingHub.start(places, parties);
  try {
    while (!hub.appender.active) await delay(20);
    for (const person of [somebody(), somebody(), somebody()]) {
      await hub.log({ subjects: [person], sender: city.id, recipient: county.id });
      const ofPerson = { by: 'subject', subject: person, from: '2000-01-01', to: '2099-12-31' } as const;
      await hub.approved({ proposer: city, approver: ombudsman }, ofPerson);
    }
    // That the whole log is published first belongs to another bench.
    hub.publisher.wake();
    while (((await hub.publisher.published())?.size ?? 0) < entries) await delay(50);
    const start = megabytes(process.memoryUsage.rss());
    let most = start;
    const sample = setInterval(() => {
      most = Math.max(most, megabytes(process.memoryUsage.rss()));
    }, sampleEveryMs);
    const begun = performance.now();
    const { rewrapped, erased } = await hub.erasureRun.run().finally(() => clearInterval(sample));
    if (erased !== 3 || rewrapped < 1) throw new Error(`${erased} erased, ${rewrapped} wrapped anew`);
    return { seconds: (performance.now() - begun) / 1_000, rewrapped, rssMb: { start, most } };
  } finally {
    await hub.stop();
  }
}

type Party = Awaited<ReturnType<typeof party>>;

/** The same rows in a table of the same shape, each given another secret of the same length, by one statement. */
async function plainUpdate({ ownerUrl }: LargeLog): Promise<number> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query('DROP SCHEMA IF EXISTS floor CASCADE');
    await client.query('CREATE SCHEMA floor');
    await client.query('CREATE TABLE floor.entry_secret (LIKE audit.entry_secret INCLUDING ALL)');
    await client.query('INSERT INTO floor.entry_secret SELECT * FROM audit.entry_secret ORDER BY leaf_index');
    await client.query('CHECKPOINT');
    const begun = performance.now();
    await client.query(
      `UPDATE floor.entry_secret SET kek = 'anew0000', wrapped = overlay(wrapped PLACING '\\x00' FROM 1)`,
    );
    return (performance.now() - begun) / 1_000;
  } finally {
    await client.query('DROP SCHEMA IF EXISTS floor CASCADE');
    await client.end();
  }
}
