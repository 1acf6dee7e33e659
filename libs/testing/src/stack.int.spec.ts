import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type TestDatabase, createTestDatabase, testStack, uniqueTopicPrefix } from './stack.js';

describe('a database for one spec file', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('is empty and apart from the administrator’s', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query("SELECT count(*)::int AS tables FROM pg_tables WHERE schemaname = 'public'");
    await client.end();
    expect(rows).toEqual([{ tables: 0 }]);
    expect(database.url).not.toBe(testStack().databaseUrl);
  });

  it('is dropped even while a session is open', async () => {
    const other = await createTestDatabase();
    const client = new pg.Client({ connectionString: other.url });
    const ended = new Promise((resolve) => client.on('error', resolve));
    await client.connect();
    await other.drop();
    await expect(ended).resolves.toBeInstanceOf(Error);
  });
});

describe('a topic prefix', () => {
  it('is another one at each call', () => {
    expect(uniqueTopicPrefix()).not.toBe(uniqueTopicPrefix());
  });
});
