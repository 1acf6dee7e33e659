import { createHash } from 'node:crypto';
import pg from 'pg';
import type { DatabaseSpec } from '#platform';
import { type TestDatabase, createTestDatabase, testStack } from './stack.js';

/**
 * A database of its own with the schemas of these services. Whoever needs them first in a run of all tests migrates a
 * database that is copied from then on: migrating is what most spec files would else begin with.
 *
 * @param administratorUrl of the cluster that it is made in
 */
export async function createPreparedDatabase(
  specs: DatabaseSpec | readonly DatabaseSpec[],
  administratorUrl = testStack().databaseUrl,
): Promise<TestDatabase> {
  const all = [specs].flat();
  if (!keepsPreparedDatabases()) {
    const database = await createTestDatabase(administratorUrl);
    await prepare(database.url, all);
    return database;
  }
  return createTestDatabase(administratorUrl, await preparedOnce(all, administratorUrl));
}

/** Only on a stack that is gone with the run: on another one the copies would outlive a change of the migrations. */
const keepsPreparedDatabases = (): boolean => process.env['KEEP_PREPARED_DATABASES'] === 'yes';

/** Address of the database to copy. Nobody stays connected to it. */
async function preparedOnce(specs: readonly DatabaseSpec[], administratorUrl: string): Promise<string> {
  const name = `prepared_${digestOf(specs)}`;
  const administrator = new pg.Client({ connectionString: administratorUrl });
  await administrator.connect();
  try {
    await administrator.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
    const { rowCount } = await administrator.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) {
      // Under another name until it is finished, since its maker may end before.
      const unfinished = `${name}_new`;
      await administrator.query(`DROP DATABASE IF EXISTS ${unfinished}`);
      await administrator.query(`CREATE DATABASE ${unfinished}`);
      await prepare(addressOf(administratorUrl, unfinished), specs);
      await administrator.query(`ALTER DATABASE ${unfinished} RENAME TO ${name}`);
    }
  } finally {
    await administrator.end();
  }
  return addressOf(administratorUrl, name);
}

async function prepare(url: string, specs: readonly DatabaseSpec[]): Promise<void> {
  const { prepareDatabase } = await import('#platform');
  for (const spec of specs) await prepareDatabase(url, spec);
}

function digestOf(specs: readonly DatabaseSpec[]): string {
  const digest = createHash('sha256');
  for (const { schema, migrations, restrictions = [] } of specs)
    digest.update(JSON.stringify([schema, migrations.map(({ name }) => name), restrictions]));
  return digest.digest('hex').slice(0, 32);
}

function addressOf(administratorUrl: string, name: string): string {
  const url = new URL(administratorUrl);
  url.pathname = `/${name}`;
  return url.href;
}
