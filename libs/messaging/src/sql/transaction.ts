import { AppError } from '#kernel';
import type { Pool, PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';

/** A connection inside a transaction, or a pool: all that a statement needs. */
export interface Queryable {
  query<R extends QueryResultRow>(query: QueryConfig): Promise<QueryResult<R>>;
}

/**
 * Runs `work` in one transaction. Throws UNAVAILABLE when no connection can be had, and an error when the database answered
 * the commit with a rollback: it does so, without failing, when `work` has swallowed a failed statement.
 */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await connection(pool);
  let broken: Error | undefined;
  // Without a listener, a connection that is cut between two statements would end the process.
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const value = await work(client);
    const { command } = await client.query('COMMIT');
    if (command !== 'COMMIT') throw new Error('a failed statement was swallowed, so the transaction was rolled back');
    return value;
  } catch (error) {
    await client.query('ROLLBACK').catch((failure: unknown) => {
      broken ??= failure instanceof Error ? failure : new Error('rollback failed');
    });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

async function connection(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (cause) {
    throw new AppError('UNAVAILABLE', 'the database does not answer', {}, { cause });
  }
}
