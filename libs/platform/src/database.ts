import { createHmac } from 'node:crypto';
import pg, { type Pool, type PoolClient, type QueryConfig, type QueryResult, type QueryResultRow } from 'pg';
import type { MigrationInterface } from 'typeorm';
import { AppError } from '#kernel';

/** What an app gives to the prepare step: its schema, its migrations, and what its role may do beyond the default. */
export interface DatabaseSpec {
  readonly schema: string;
  readonly migrations: readonly (new () => MigrationInterface)[];
  /**
   * Run as owner after the migrations and the default grants (SELECT, INSERT, UPDATE, DELETE on all tables of the schema):
   * the place to revoke what the service must not be able to do. `:role` stands for the service's role.
   */
  readonly restrictions?: readonly string[];
}

export const roleOf = (schema: string): string => `kotovayla_${schema}`;

/** The service's own connection string, derived from the administrator's so that nobody has to hand out passwords. */
export function serviceDatabaseUrl(administratorUrl: string, schema: string): string {
  const url = new URL(administratorUrl);
  const password = createHmac('sha256', `kotovayla-role ${decodeURIComponent(url.password)}`)
    .update(schema)
    .digest('base64url');
  url.username = roleOf(schema);
  url.password = password;
  return url.toString();
}

/**
 * Creates role and schema, runs the migrations as owner and grants the service's role its rights. Safe to run again.
 *
 * @param administratorUrl role that may create roles and schemas
 */
export async function prepareDatabase(administratorUrl: string, spec: DatabaseSpec): Promise<void> {
  // Read only where migrations run: a service starts without its 300 modules.
  const { DataSource } = await import('typeorm');
  const role = roleOf(spec.schema);
  const password = decodeURIComponent(new URL(serviceDatabaseUrl(administratorUrl, spec.schema)).password);
  const owner = new DataSource({
    type: 'postgres',
    url: administratorUrl,
    schema: spec.schema,
    migrations: [...spec.migrations],
    migrationsTableName: 'schema_migrations',
    extra: { options: `-c search_path=${spec.schema}` },
    logging: false,
  });
  const administrator = new pg.Client({ connectionString: administratorUrl });
  await administrator.connect();
  try {
    await administrator.query('SELECT pg_advisory_lock(hashtext($1))', ['kotovayla-prepare']);
    await defineRole(administrator, spec.schema, password);
    await administrator.query(`CREATE SCHEMA IF NOT EXISTS ${spec.schema}`);
    await owner.initialize();
    await owner.runMigrations({ transaction: 'each' });
    await administrator.query(`
      GRANT USAGE ON SCHEMA ${spec.schema} TO ${role};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${spec.schema} TO ${role};
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${spec.schema} TO ${role};
      REVOKE INSERT, UPDATE, DELETE ON ${spec.schema}.schema_migrations FROM ${role};`);
    for (const restriction of spec.restrictions ?? []) await administrator.query(restriction.replaceAll(':role', role));
  } finally {
    if (owner.isInitialized) await owner.destroy();
    await administrator.end();
  }
}

/**
 * What PostgreSQL says when two sessions change the same role at once: internal error "tuple concurrently updated", unique
 * violation, duplicate object.
 */
const MET_ANOTHER = new Set(['XX000', '23505', '42710']);

/** Roles belong to the cluster, advisory locks to one database: who meets another preparation tries again. */
async function defineRole(administrator: pg.Client, schema: string, password: string): Promise<void> {
  const role = roleOf(schema);
  for (let attempt = 1; ; attempt++) {
    const known = await administrator.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
    try {
      await administrator.query(`
        ${known.rowCount ? 'ALTER' : 'CREATE'} ROLE ${role} LOGIN PASSWORD '${password}';
        ALTER ROLE ${role} SET search_path = ${schema};
        ALTER ROLE ${role} SET statement_timeout = '15s';
        ALTER ROLE ${role} SET idle_in_transaction_session_timeout = '15s';
        ALTER ROLE ${role} SET synchronous_commit = 'on';`);
      return;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (!MET_ANOTHER.has(code) || attempt === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10 + Math.random() * 90));
    }
  }
}

/** Something that statements run on: the pool, or one transaction's connection. */
export interface Queryable {
  query<R extends QueryResultRow>(query: QueryConfig): Promise<QueryResult<R>>;
}

/** Connection pool of one service. Statements that run per message carry a `name`, so that they are prepared once. */
export class Database {
  readonly pool: Pool;

  constructor(url: string, options: { max?: number; onError?: (error: Error) => void } = {}) {
    this.pool = new pg.Pool({ connectionString: url, max: options.max ?? 10, connectionTimeoutMillis: 2_000 });
    this.pool.on('error', options.onError ?? (() => undefined));
  }

  query<R extends QueryResultRow>(query: QueryConfig): Promise<QueryResult<R>> {
    return this.pool.query<R>(query);
  }

  /**
   * Runs `work` in one transaction and commits; rolls back when it throws. A connection whose rollback fails is not reused.
   *
   * @throws AppError UNAVAILABLE when no connection can be had; whatever `work` throws
   */
  async transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.connect();
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      const value = await work(client);
      await client.query('COMMIT');
      return value;
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: unknown) => {
        broken = failure instanceof Error ? failure : new Error('rollback failed');
      });
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async ping(): Promise<boolean> {
    return this.pool.query('SELECT 1').then(
      () => true,
      () => false,
    );
  }

  async close(): Promise<void> {
    if (!this.pool.ended) await this.pool.end();
  }

  private async connect(): Promise<PoolClient> {
    try {
      return await this.pool.connect();
    } catch (cause) {
      throw new AppError('UNAVAILABLE', 'the database does not answer', {}, { cause });
    }
  }
}

/** Whether an error is the database's absence rather than the statement's fault: connection, shutdown, time-outs, locks. */
export function isTransientDatabaseError(error: unknown): boolean {
  if (error instanceof AppError) return error.status >= 503;
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (
    /^(08|53|57P|40001|40P01|55P03|57014|25P03)/.test(code) ||
    ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOENT'].includes(code) ||
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/.test(
      error.message,
    )
  );
}
