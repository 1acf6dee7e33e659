import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { DataFolder } from './data-folder.js';
import type { ProcessDefinition } from './managed-process.js';
import type { PostgresHome } from './postgres-binaries.js';
import { commandOf } from './process-identity.js';
import { runTied, spawnTied } from './tied-process.js';

const administrator = 'postgres';

const settings: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  // No socket file, so no stale one.
  unix_socket_directories: '',
  // Nor segments that stay behind in /dev/shm after a kill.
  dynamic_shared_memory_type: 'mmap',
  huge_pages: 'off',
  max_connections: '300',
  // Taken from the machine as pages are used, not at the start.
  shared_buffers: '512MB',
  // As much as a checkpoint lets come together: segments are used again, where a new one would be filled with zeros while commits wait.
  max_wal_size: '2GB',
  min_wal_size: '2GB',
  wal_buffers: '16MB',
  // A vacuum in a small ring of buffers writes the log out before each page that it leaves, and commits wait for that.
  vacuum_buffer_usage_limit: '16MB',
  // Else all that sessions wrote waits in the kernel for the end of a checkpoint, and commits wait behind it for tenths of a second.
  backend_flush_after: '256kB',
  synchronous_commit: 'on',
  idle_in_transaction_session_timeout: '60s',
  statement_timeout: '120s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Statements and DETAIL lines can carry values, and values can be personal data: the caller gets them, no log does.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
};

/** Data that nobody needs after a crash of the machine; a killed server still loses nothing, since the kernel has the pages. */
const unsynced: Record<string, string> = { fsync: 'off', full_page_writes: 'off' };

export type ClusterName = 'hub' | 'agencies';

/** One PostgreSQL cluster of the embedded stack, with a database of the same name. */
export class PostgresCluster {
  constructor(
    readonly name: ClusterName,
    private readonly folder: DataFolder,
    private readonly home: PostgresHome,
    readonly port: number,
    /** false: it does not wait for the disk, and its data may be gone after a crash of the machine. */
    private readonly durable = true,
  ) {}

  /** The administrator's address of the cluster's own database. */
  get url(): string {
    return this.urlOf(this.name);
  }

  get processName(): string {
    return `postgres-${this.name}`;
  }

  /** Runs `initdb` unless there is a cluster, and clears the lock file of a server that was killed. */
  async prepare(): Promise<void> {
    if (existsSync(join(this.data, 'PG_VERSION'))) this.clearStaleLock();
    else await this.initialise();
  }

  process(): ProcessDefinition {
    const all = this.durable ? settings : { ...settings, ...unsynced };
    const switches = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    return {
      name: this.processName,
      launch: (log) => {
        this.clearStaleLock();
        return spawnTied(this.home.command('postgres', ['-D', this.data, '-p', String(this.port), ...switches]), log);
      },
      isReady: () => this.answers(),
      // The "fast" stop: open sessions are ended, the rest is written.
      stopSignal: 'SIGINT',
      stopWithinMs: 20_000,
    };
  }

  async createDatabase(): Promise<void> {
    await this.withClient(administrator, async (client) => {
      const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [this.name]);
      if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(this.name)}`);
    });
  }

  /** Folder of its files. */
  get data(): string {
    return join(this.home.dataRoot, this.processName);
  }

  private urlOf(database: string): string {
    return `postgresql://${administrator}:${this.folder.secret(this.processName)}@127.0.0.1:${this.port}/${database}`;
  }

  private async initialise(): Promise<void> {
    // initdb writes PG_VERSION first and the rest after; only a finished cluster gets the final name.
    const unfinished = `${this.data}.new`;
    const passwordFile = `${this.data}.password`;
    rmSync(unfinished, { recursive: true, force: true });
    writeFileSync(passwordFile, this.folder.secret(this.processName), { mode: 0o600 });
    this.home.give(passwordFile);
    const initdb = this.home.command('initdb', [
      `--pgdata=${unfinished}`,
      `--username=${administrator}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
      '--no-instructions',
      ...(this.durable ? [] : ['--no-sync']),
    ]);
    try {
      await this.folder.logging(this.processName, (log) => runTied(initdb, log));
    } finally {
      rmSync(passwordFile);
    }
    renameSync(unfinished, this.data);
  }

  /** PostgreSQL trusts the pid in its lock file, which after a kill may belong to any other program by now. */
  private clearStaleLock(): void {
    const lock = join(this.data, 'postmaster.pid');
    if (!existsSync(lock)) return;
    const pid = Number(readFileSync(lock, 'utf8').split('\n')[0]);
    if (!commandOf(pid).includes(this.data)) rmSync(lock);
  }

  private async answers(): Promise<boolean> {
    try {
      await this.withClient(administrator, (client) => client.query('SELECT 1'));
      return true;
    } catch {
      return false;
    }
  }

  private async withClient(database: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
    const client = new pg.Client({ connectionString: this.urlOf(database), connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await use(client);
    } finally {
      await client.end();
    }
  }
}
