import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, freePort, type TestDatabase } from '#testing';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Database, type DatabaseSpec, prepareDatabase, serviceDatabaseUrl } from './database.js';

class CreateFacts1795000000000 implements MigrationInterface {
  readonly name = 'CreateFacts1795000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE example.fact (id integer PRIMARY KEY)');
    await runner.query('CREATE TABLE example.kept (id integer PRIMARY KEY)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP SCHEMA example CASCADE');
  }
}

const spec: DatabaseSpec = {
  schema: 'example',
  migrations: [CreateFacts1795000000000],
  restrictions: ['REVOKE UPDATE, DELETE ON example.kept FROM :role'],
};

describe('preparing databases', () => {
  const made: TestDatabase[] = [];

  afterAll(() => Promise.all(made.map((database) => database.drop())));

  it('is possible side by side in one cluster, and again', async () => {
    for (let n = 0; n < 4; n++) made.push(await createTestDatabase());
    const prepareAll = () => Promise.all(made.map(({ url }) => prepareDatabase(url, spec)));
    await expect(prepareAll()).resolves.toHaveLength(4);
    await expect(prepareAll()).resolves.toHaveLength(4);
  });
});

describe('a service’s connection', () => {
  let test: TestDatabase;
  const opened: Database[] = [];

  const open = (url: string): Database => {
    const database = new Database(url, { max: 2 });
    opened.push(database);
    return database;
  };

  beforeAll(async () => {
    test = await createTestDatabase();
    await prepareDatabase(test.url, spec);
  });
  afterEach(() => Promise.all(opened.splice(0).map((database) => database.close())));
  afterAll(() => test.drop());

  it('has the limits of its role', async () => {
    const service = open(serviceDatabaseUrl(test.url, 'example'));
    const { rows } = await service.query({
      text: `SELECT current_user AS role, current_setting('search_path') AS path, current_setting('statement_timeout') AS statement`,
    });
    expect(rows).toEqual([{ role: 'kotovayla_example', path: 'example', statement: '15s' }]);
  });

  it.each([
    'DELETE FROM kept',
    'UPDATE kept SET id = 0',
    'CREATE TABLE example.own (id integer)',
    'DELETE FROM schema_migrations',
  ])('may not: %s', async (text) => {
    await expect(open(serviceDatabaseUrl(test.url, 'example')).query({ text })).rejects.toMatchObject({
      code: '42501',
    });
  });

  it('keeps nothing of a transaction that fails, and goes on', async () => {
    const service = open(serviceDatabaseUrl(test.url, 'example'));
    const failing = service.transaction(async (client) => {
      await client.query('INSERT INTO fact VALUES (1)');
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect((await service.query({ text: 'SELECT id FROM fact' })).rows).toEqual([]);
    await service.transaction((client) => client.query('INSERT INTO fact VALUES (2)'));
    expect((await service.query({ text: 'SELECT id FROM fact' })).rows).toEqual([{ id: 2 }]);
  });

  it('that cannot be had is UNAVAILABLE, and no ping', async () => {
    const nobody = open(`postgresql://kotovayla_example:x@127.0.0.1:${await freePort()}/example`);
    await expect(nobody.transaction(async () => undefined)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await nobody.ping()).toBe(false);
  });
});
