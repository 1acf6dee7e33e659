import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { prepareDatabase, serviceDatabaseUrl } from '#platform';
import { type TestDatabase, createTestDatabase } from '#testing';
import { databaseSpec } from '../../apps/audit/src/infra/database.js';
import { LogKey } from '../../apps/audit/src/infra/log-key.js';
import { auditSchema } from '../../apps/audit/src/infra/schema.js';
import { ErasingHub, kekPathIn, somebody } from '../../apps/audit/src/testing/erasing-hub.fixture.js';
import { party } from '../../apps/audit/src/testing/parties.fixture.js';
import { runCli } from '../../apps/cli/src/program.js';

describe('the hub’s database after an erasure', () => {
  let database: TestDatabase;
  let folder: string;
  let verifierKey: string;
  let erased: number[];
  let tombstone: number;

  beforeEach(async () => {
    database = await createTestDatabase();
    await prepareDatabase(database.url, databaseSpec);
    folder = await mkdtemp(join(tmpdir(), 'erasure-'));
    const [city, ombudsman] = [await party('K-235'), await party('A-TSV')];
    const places = { databaseUrl: serviceDatabaseUrl(database.url, auditSchema), folder };
    const hub = await ErasingHub.start(places, [city, ombudsman]);
    verifierKey = (await LogKey.load('log.test/erasing', join(folder, 'log.jwk'))).verifierKey;
    const persons = [somebody(), somebody(), somebody()];
    erased = await hub.log(...persons.map((person) => ({ subjects: [person], sender: city.id })));
    await hub.log({}, {});
    for (const subject of persons)
      await hub.approved(
        { proposer: city, approver: ombudsman },
        { by: 'subject', subject, from: '2020-01-01', to: '2099-01-01' },
      );
    tombstone = (await hub.erasureRun.run()).tombstones[0]!;
    await hub.stop();
  });
  afterEach(async () => {
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  async function kotovayla(...args: string[]): Promise<Record<string, unknown>> {
    const out: string[] = [];
    const env = { DATABASE_URL: database.url, LOG_VERIFIER_KEY: verifierKey };
    await runCli([...args, '--json'], { env, folder, out: (line) => out.push(line), err: (line) => out.push(line) });
    return JSON.parse(out.join('\n')) as Record<string, unknown>;
  }

  async function faults(): Promise<string[]> {
    const { faults: found } = await kotovayla('fsck', 'database');
    return (found as { kind: string; index?: number }[]).map(({ kind, index }) => `${kind} ${index}`);
  }

  /** As somebody who is master of the database could. */
  async function pastTheTriggers(...acts: string[]): Promise<void> {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      for (const table of ['entry', 'entry_secret', 'entry_index'])
        await client.query(`ALTER TABLE audit.${table} DISABLE TRIGGER ALL`);
      for (const act of acts) await client.query(act);
    } finally {
      await client.end();
    }
  }

  it('has a body or a tombstone for every index, and every survivor opens under the new key', async () => {
    const report = await kotovayla('fsck', 'database', '--kek', kekPathIn(folder));
    const size = report['size'] as number;
    expect(report).toMatchObject({
      ok: true,
      erased: erased.length,
      entries: { clear: 1 },
      bodies: size - 1 - erased.length,
    });
    expect(await kotovayla('log', 'export', 'copy', '--log', 'database')).toMatchObject({ ok: true, size });
    expect(await kotovayla('verify', 'copy')).toMatchObject({ ok: true, erased: erased.length });
  });

  it('with one more body, secret and index row gone names the index: neither is there', async () => {
    await pastTheTriggers(
      'UPDATE audit.entry SET body = NULL WHERE leaf_index = 3',
      'DELETE FROM audit.entry_secret WHERE leaf_index = 3',
      'DELETE FROM audit.entry_index WHERE leaf_index = 3',
    );
    expect(await faults()).toEqual(['body-missing 3']);
  });

  it('with an erased body put back names it', async () => {
    await pastTheTriggers(`UPDATE audit.entry SET body = '\\x00' WHERE leaf_index = ${erased[1]}`);
    expect(await faults()).toEqual([`body-not-erased ${erased[1]}`]);
  });

  it('with a tombstone that was taken away names every entry that it covered', async () => {
    const other = `overlay(entry placing 'tombstonf'::bytea from position('tombstone'::bytea in entry))`;
    await pastTheTriggers(`UPDATE audit.entry SET entry = ${other} WHERE leaf_index = ${tombstone}`);
    expect(await faults()).toEqual(expect.arrayContaining(erased.map((index) => `body-missing ${index}`)));
  });
});
