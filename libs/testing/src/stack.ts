import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** Addresses of the stack that `npm test` has started, or of one's own. */
export interface TestStack {
  /** `host:port` of each broker. */
  readonly kafkaBrokers: readonly string[];
  /** Administrator's address. */
  readonly databaseUrl: string;
  /** Administrator's address of the cluster for agents and registers; the same as `databaseUrl` where only that is named. */
  readonly agenciesDatabaseUrl: string;
}

export interface TestDatabase {
  /** Administrator's address of the new, empty database. */
  readonly url: string;
  /** Ends the sessions that are left and removes the database. */
  drop(): Promise<void>;
}

/** The stack named by KAFKA_BROKERS, DATABASE_URL and AGENCIES_DATABASE_URL. Throws where it is not named. */
export function testStack(environment: NodeJS.ProcessEnv = process.env): TestStack {
  const { KAFKA_BROKERS, DATABASE_URL, AGENCIES_DATABASE_URL } = environment;
  if (!KAFKA_BROKERS || !DATABASE_URL) {
    throw new Error('this test needs KAFKA_BROKERS and DATABASE_URL: run it with `npm test -- <pattern>`');
  }
  return {
    kafkaBrokers: KAFKA_BROKERS.split(','),
    databaseUrl: DATABASE_URL,
    agenciesDatabaseUrl: AGENCIES_DATABASE_URL || DATABASE_URL,
  };
}

/**
 * A database of its own for one spec file, so that files can run beside each other.
 *
 * @param copyOf address of a database that nobody is connected to, whose content it has at first
 */
export async function createTestDatabase(
  administratorUrl = testStack().databaseUrl,
  copyOf?: string,
): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  const template = copyOf === undefined ? '' : ` TEMPLATE ${pg.escapeIdentifier(new URL(copyOf).pathname.slice(1))}`;
  await execute(administratorUrl, `CREATE DATABASE ${name}${template}`);
  const url = new URL(administratorUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => execute(administratorUrl, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

/** A prefix for topics and consumer groups that no other spec file uses. */
export const uniqueTopicPrefix = (): string => `test-${randomBytes(8).toString('hex')}.`;

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
