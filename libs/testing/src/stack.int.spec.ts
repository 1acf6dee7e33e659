import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createPreparedDatabase } from './prepared-database.js';
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

describe('a prepared database', () => {
  class MakeNotes {
    readonly name = 'MakeNotes1795341600000';
    async up(runner: { query(text: string): Promise<unknown> }): Promise<void> {
      await runner.query('CREATE TABLE prepared_notes.note (text text NOT NULL)');
    }
    async down(): Promise<void> {}
  }
  const spec = { schema: 'prepared_notes', migrations: [MakeNotes] };
  const notesIn = async ({ url }: TestDatabase, text: string): Promise<unknown[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query('INSERT INTO prepared_notes.note VALUES ($1)', [text]);
      return (await client.query<{ text: string }>('SELECT text FROM prepared_notes.note')).rows;
    } finally {
      await client.end();
    }
  };

  it('has the service’s tables, and nothing of what stands in another one', async () => {
    const both = await Promise.all([createPreparedDatabase(spec), createPreparedDatabase(spec)]);
    try {
      for (const [at, database] of both.entries())
        expect(await notesIn(database, `of ${at}`)).toEqual([{ text: `of ${at}` }]);
      const third = await createPreparedDatabase(spec);
      expect(await notesIn(third, 'of the third')).toEqual([{ text: 'of the third' }]);
      await third.drop();
    } finally {
      for (const database of both) await database.drop();
    }
  });
});

describe('a topic prefix', () => {
  it('is another one at each call', () => {
    expect(uniqueTopicPrefix()).not.toBe(uniqueTopicPrefix());
  });
});
