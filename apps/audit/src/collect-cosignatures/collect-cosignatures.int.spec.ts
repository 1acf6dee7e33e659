import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Clock, unwrap } from '#kernel';
import { type WitnessPolicy, judgeWitnessed, openCheckpoint, parsePolicy } from '#merkle';
import { Database, prepareDatabase, serviceDatabaseUrl } from '#platform';
import { type TestDatabase, createTestDatabase } from '#testing';
import { cosignaturesOf, witnessedFrom } from '../infra/cosignature-store.js';
import { databaseSpec } from '../infra/database.js';
import { auditSchema } from '../infra/schema.js';
import { TestLog, publishAll, publisherOf, verifier } from '../publish-log/committed-log.fixture.js';
import { TileFolder } from '../publish-log/tile-folder.js';
import { type OddAnswer, TestWitness } from '../testing/witness.fixture.js';
import { CosignatureCollector } from './cosignature-collector.js';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

describe('cosignatures for the published log', () => {
  let database: TestDatabase;
  let pool: Database;
  let folder: TileFolder;
  let log: TestLog;
  let witnesses: TestWitness[];
  let policy: WitnessPolicy;
  let now: Date;
  const clock: Clock = { now: () => now };

  beforeEach(async () => {
    database = await createTestDatabase();
    await prepareDatabase(database.url, databaseSpec);
    pool = new Database(serviceDatabaseUrl(database.url, auditSchema));
    folder = new TileFolder(await mkdtemp(join(tmpdir(), 'cosigned-')));
    log = TestLog.withCheckpointsAt(0);
    witnesses = await Promise.all(['kauniainen', 'host', 'kela'].map((name) => TestWitness.start(name, verifier)));
    policy = unwrap(
      parsePolicy(
        [...witnesses.map(({ policyLine }) => policyLine), 'group most 2 kauniainen host kela', 'quorum most'].join(
          '\n',
        ),
      ),
    );
    now = new Date();
  });
  afterEach(async () => {
    await Promise.all(witnesses.map((witness) => witness.close()));
    await pool.close();
    await database.drop();
    await rm(folder.path, { recursive: true, force: true });
  });

  const collectorWith = (timeoutMs = 5_000): CosignatureCollector =>
    new CosignatureCollector({
      policy,
      folder,
      database: pool,
      verifier,
      isActive: () => true,
      clock,
      logger: silent,
      intervalMs: 10_000,
      timeoutMs,
    });
  const publish = async (size: number): Promise<void> => {
    log.growTo(size);
    await publishAll(publisherOf(folder, log));
  };
  const file = async (name: string): Promise<string> => (await folder.readPublic(name))?.toString('utf8') ?? '';
  const cosignedBy = (note: string): string[] =>
    unwrap(judgeWitnessed(note, policy, new Date(now.getTime() + 60_000))).cosignatures.map(({ witness }) => witness);
  const sizeOf = (note: string): number => unwrap(openCheckpoint(note, verifier)).size;

  it('are asked of all witnesses, stored, and stand below the published checkpoint', async () => {
    await publish(300);
    await collectorWith().collect();
    const all = ['kauniainen', 'host', 'kela'];
    expect(cosignedBy(await file('checkpoint'))).toEqual(all);
    expect(cosignedBy(await file('checkpoint.cosigned'))).toEqual(all);
    expect(await cosignaturesOf(pool, { size: 300 })).toHaveLength(3);
    expect(await witnessedFrom(pool, 1)).toMatchObject({ size: 300, note: await file('checkpoint.cosigned') });
    expect(await witnessedFrom(pool, 301)).toBeUndefined();
  });

  it('are asked from the size that each witness cosigned before, also after a restart', async () => {
    const collector = collectorWith();
    await publish(300);
    await collector.collect();
    await publish(700);
    await collector.collect();
    await publish(701);
    await collectorWith().collect();
    expect(witnesses.map(({ asked }) => asked)).toEqual([
      [0n, 300n, 700n],
      [0n, 300n, 700n],
      [0n, 300n, 700n],
    ]);
    expect(cosignedBy(await file('checkpoint'))).toHaveLength(3);
  });

  it('are not asked again for the same size', async () => {
    const collector = collectorWith();
    await publish(300);
    await collector.collect();
    await collector.collect();
    expect(witnesses.map(({ asked }) => asked)).toEqual([[0n], [0n], [0n]]);
  });

  it('are asked again from the size that a witness names', async () => {
    witnesses[0]!.latest = TestLog.withCheckpointsAt(300).checkpoint(300);
    await publish(700);
    await collectorWith().collect();
    expect(witnesses[0]!.asked).toEqual([0n, 300n]);
    expect(cosignedBy(await file('checkpoint'))).toHaveLength(3);
  });

  it('are not asked once more from the size from which they were asked: they have another root of it', async () => {
    const forked: OddAnswer = { status: 409, type: 'text/x.tlog.size; charset=utf-8', body: '300\n' };
    witnesses[0]!.odd.push(forked, forked, forked);
    await publish(300);
    await collectorWith().collect();
    expect(witnesses[0]!.asked).toEqual([0n, 300n]);
    expect(cosignedBy(await file('checkpoint'))).toEqual(['host', 'kela']);
  });

  it.each([
    ['another root of the same size, as in v1.0.0: a 409 without a size', { status: 409 }],
    ['another root of the same size, as in the newest text', { status: 422 }],
    ['a bad signature, answered by a server error', { status: 500, body: 'internal error' }],
    ['a size in a page of HTML', { status: 409, type: 'text/html', body: '300\n' }],
    ['no size where one is announced', { status: 409, type: 'text/x.tlog.size', body: 'three hundred\n' }],
    ['a cosignature of somebody else', { status: 200, body: '\u2014 other.example AAAAAAAAAAAA\n' }],
    ['nothing at all with success', { status: 200 }],
    ['a redirection', { status: 302 }],
    ['an answer without end', { status: 200, body: 'x'.repeat(100_000) }],
  ])('are not counted for %s, and the others are published', async (_name, answer) => {
    await publish(300);
    witnesses[2]!.odd.push(answer);
    const collector = collectorWith();
    await collector.collect();
    expect(cosignedBy(await file('checkpoint.cosigned'))).toEqual(['kauniainen', 'host']);
    expect(collector.warnings()).toEqual(['witness kela has not cosigned 1 time(s) in a row']);
  });

  it('come late from a witness that was silent: it is asked again after a pause that grows, and its line added', async () => {
    await publish(300);
    witnesses[2]!.odd.push('silence', 'silence');
    const collector = collectorWith(50);
    await collector.collect();
    await collector.collect();
    expect(witnesses[2]!.asked).toHaveLength(1);
    now = new Date(now.getTime() + 10_000);
    await collector.collect();
    now = new Date(now.getTime() + 10_000);
    await collector.collect();
    expect(witnesses[2]!.asked).toHaveLength(2);
    now = new Date(now.getTime() + 10_000);
    await collector.collect();
    expect(cosignedBy(await file('checkpoint.cosigned'))).toEqual(['kauniainen', 'host', 'kela']);
    expect(collector.warnings()).toEqual([]);
  });

  it('of one operator alone make no witnessed checkpoint, though they are stored and shown', async () => {
    await publish(300);
    witnesses[0]!.odd.push({ status: 503 });
    witnesses[1]!.odd.push({ status: 503 });
    await collectorWith().collect();
    expect(cosignedBy(await file('checkpoint'))).toEqual(['kela']);
    expect(await file('checkpoint.cosigned')).toBe('');
    expect(await witnessedFrom(pool, 1)).toBeUndefined();
  });

  it('never bring back an older checkpoint, when the log has grown while witnesses thought', async () => {
    await publish(300);
    const collector = collectorWith();
    const collecting = collector.collect();
    await publish(400);
    await collecting;
    expect(sizeOf(await file('checkpoint'))).toBe(400);
    await collector.collect();
    expect(sizeOf(await file('checkpoint.cosigned'))).toBe(400);
    await folder.publishCosigned(300, log.checkpoint(300).note);
    expect(sizeOf(await file('checkpoint.cosigned'))).toBe(400);
  });

  it('are refused by witnesses of a log that was cut, which is told to who watches the service', async () => {
    for (const witness of witnesses) witness.latest = TestLog.withCheckpointsAt(300).checkpoint(300);
    await publish(200);
    const collector = collectorWith();
    await collector.collect();
    expect(collector.warnings()).toContain('witness host has cosigned a larger log than the published one');
    expect(cosignedBy(await file('checkpoint'))).toEqual([]);
    expect(await file('checkpoint.cosigned')).toBe('');
  });

  it('stay as they were stored: no row of theirs is changed or deleted', async () => {
    await publish(300);
    await collectorWith().collect();
    for (const table of ['cosignature', 'witnessed_checkpoint'])
      for (const change of [`DELETE FROM ${auditSchema}.${table}`, `UPDATE ${auditSchema}.${table} SET tree_size = 1`])
        await expect(pool.query({ text: change })).rejects.toMatchObject({ code: '42501' });
  });
});
