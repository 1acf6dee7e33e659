import pg from 'pg';

/** What a PostgreSQL cluster has done, since it was made. */
export interface PostgresWork {
  /** Transactions that wrote: each takes one transaction id. */
  readonly writes: number;
  /** All that ended well, those that only read among them. */
  readonly transactions: number;
  /** Bytes of write-ahead log. */
  readonly walBytes: number;
  /** Times that the write-ahead log was made durable; one serves all commits that wait for it. */
  readonly walSyncs: number;
}

/** A connection that looks on, and whose own work is to be left out (`backend`). */
export class PostgresObserver {
  private constructor(
    private readonly client: pg.Client,
    /** Process id of its backend. */
    readonly backend: number,
  ) {}

  static async connect(url: string): Promise<PostgresObserver> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return new PostgresObserver(client, rows[0]!.pid);
  }

  async work(): Promise<PostgresWork> {
    const { rows } = await this.client.query<Record<keyof PostgresWork, string>>(`
      SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS writes,
             (SELECT sum(xact_commit) FROM pg_stat_database)::text AS transactions,
             (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text AS "walBytes",
             (SELECT coalesce(sum(fsyncs), 0) FROM pg_stat_io WHERE object = 'wal')::text AS "walSyncs"`);
    const { writes, transactions, walBytes, walSyncs } = rows[0]!;
    return {
      writes: Number(writes),
      transactions: Number(transactions),
      walBytes: Number(walBytes),
      walSyncs: Number(walSyncs),
    };
  }

  async rows<Row extends pg.QueryResultRow>(
    name: string,
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    return (await this.client.query<Row>({ name, text, values: [...values] })).rows;
  }

  close(): Promise<void> {
    return this.client.end();
  }
}

export const workBetween = (before: PostgresWork, after: PostgresWork): PostgresWork => ({
  writes: after.writes - before.writes,
  transactions: after.transactions - before.transactions,
  walBytes: after.walBytes - before.walBytes,
  walSyncs: after.walSyncs - before.walSyncs,
});
