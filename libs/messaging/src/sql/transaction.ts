import { AppError } from '#kernel';
import type { Pool, PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';

/** A connection inside a transaction, or a pool: all that a statement needs. */
export interface Queryable {
  query<R extends QueryResultRow>(query: QueryConfig): Promise<QueryResult<R>>;
}

/**
 * Runs `work` in one transaction. Throws UNAVAILABLE when no connection can be had, and an error when the database answered
 * the commit with a rollback: it does so, without failing, when `work` has swallowed a failed statement.
 *
 * @param limitMs throws TIMEOUT when `work` takes longer; nothing of it counts, whatever it still does
 */
export async function inTransaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  limitMs?: number,
): Promise<T> {
  const client = await connection(pool);
  let broken: Error | undefined;
  // Without a listener, a connection that is cut between two statements would end the process.
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const value = await within(limitMs, work(client), (error) => {
      // Not rolled back but cut: what `work` still asks for would otherwise be done outside the transaction.
      broken = error;
    });
    const { command } = await client.query('COMMIT');
    if (command !== 'COMMIT') throw new Error('a failed statement was swallowed, so the transaction was rolled back');
    return value;
  } catch (error) {
    if (error !== broken) {
      await client.query('ROLLBACK').catch((failure: unknown) => {
        broken ??= failure instanceof Error ? failure : new Error('rollback failed');
      });
    }
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

async function within<T>(limitMs: number | undefined, work: Promise<T>, onLimit: (error: Error) => void): Promise<T> {
  if (limitMs === undefined) return work;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new AppError('TIMEOUT');
      onLimit(error);
      reject(error);
    }, limitMs);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

async function connection(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (cause) {
    throw new AppError('UNAVAILABLE', 'the database does not answer', {}, { cause });
  }
}
