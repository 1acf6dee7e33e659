import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { compiled } from './clone.js';
import { commandOf } from './process-identity.js';
import { Stack } from './stack.js';

// Each test starts whole stacks, some of them twice.
jest.setTimeout(180_000);

let parent: string;
let dataFolder: string;
const started: ChildProcess[] = [];

beforeEach(() => {
  // Mode 0700, as mktemp -d makes it.
  parent = mkdtempSync(join(tmpdir(), 'kotovayla-stack-'));
  dataFolder = join(parent, 'data');
});

afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  await eventually(() => processesOf(dataFolder).length === 0);
  rmSync(parent, { recursive: true, force: true });
});

/** A test that is about PostgreSQL alone starts no Kafka, which would be most of its cost. */
const brokersElsewhere = 'broker.example:9092';

/** Starts the stack in a process of its own and resolves when it has printed its addresses. */
async function startApart(kafkaBrokers = ''): Promise<{ child: ChildProcess; env: Record<string, string> }> {
  // Not the stack that this test may itself run beside.
  const env = { ...process.env, DATABASE_URL: '', AGENCIES_DATABASE_URL: '', KAFKA_BROKERS: kafkaBrokers };
  // It shall not outlive a test run that is killed.
  const tied = ['--pdeathsig', 'KILL', process.execPath];
  const child = spawn('setpriv', [...tied, compiled('deploy/src/dev-stack.js'), dataFolder], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  let printed = '';
  child.stdout.on('data', (chunk) => (printed += String(chunk)));
  await eventually(() => printed.includes('AGENCIES_DATABASE_URL') || child.exitCode !== null);
  const assignments = [...printed.matchAll(/^export (\w+)=(.*)$/gm)];
  return { child, env: Object.fromEntries(assignments.map(([, name = '', value = '']) => [name, value])) };
}

async function eventually(holds: () => boolean | Promise<boolean>, withinMs = 40_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('did not come about in time');
    await delay(50);
  }
}

/** The running processes that name the folder in their command line. */
const processesOf = (folder: string): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => commandOf(Number(pid)))
    .filter((command) => command.includes(folder));

async function query(url: string | undefined, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

const accepts = (address: string | undefined): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: Number(address?.split(':')[1]) });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

describe('the embedded stack below a folder of mode 0700', () => {
  it('leaves no process after kill -9 of its parent, and the next start finds its data at the same addresses', async () => {
    const first = await startApart();
    await query(first.env['DATABASE_URL'], 'CREATE TABLE kept AS SELECT 42 AS answer');
    await query(first.env['AGENCIES_DATABASE_URL'], 'CREATE TABLE kept AS SELECT 43 AS answer');
    expect(await accepts(first.env['KAFKA_BROKERS'])).toBe(true);

    first.child.kill('SIGKILL');
    await eventually(() => processesOf(dataFolder).length === 0);

    const second = await startApart();
    expect(second.env).toEqual(first.env);
    expect(await query(second.env['DATABASE_URL'], 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(await query(second.env['AGENCIES_DATABASE_URL'], 'SELECT answer FROM kept')).toEqual([{ answer: 43 }]);

    second.child.kill('SIGINT');
    await once(second.child, 'exit');
    expect(processesOf(dataFolder)).toEqual([]);
  });

  it('is handed over when a second start comes while the first one runs', async () => {
    const first = await startApart();
    const firstEnded = once(first.child, 'exit');
    const second = await startApart();
    await firstEnded;
    expect(second.env).toEqual(first.env);
    expect(await query(second.env['DATABASE_URL'], 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
  });

  it('starts past a lock file of PostgreSQL that a kill has left, whoever has that pid now', async () => {
    const first = await startApart(brokersElsewhere);
    const postgres = Number(readFileSync(join(dataFolder, 'postgres-hub', 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
    process.kill(postgres, 'SIGKILL');
    first.child.kill('SIGKILL');
    await eventually(() => processesOf(dataFolder).length === 0);

    const second = await startApart(brokersElsewhere);
    expect(await query(second.env['DATABASE_URL'], 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
  });

  it('keeps its passwords in a file that only its owner reads, and asks for them', async () => {
    const { env } = await startApart(brokersElsewhere);
    expect(statSync(join(dataFolder, 'secrets.json')).mode & 0o777).toBe(0o600);
    expect(statSync(dataFolder).mode & 0o777).toBe(0o700);
    const wrong = new URL(env['DATABASE_URL'] ?? '');
    wrong.password = 'guessed';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });
});

describe('the processes of a stack', () => {
  it('come back after they are killed', async () => {
    const stack = await Stack.start({ dataFolder, environment: {} });
    try {
      for (const name of ['kafka', 'postgres-hub', 'postgres-agencies']) {
        const before = stack.supervisor.pidOf(name);
        stack.supervisor.kill(name, 'SIGKILL');
        await eventually(() => stack.supervisor.pidOf(name) !== before);
        await stack.supervisor.waitReady(name);
      }
      expect(await query(stack.hubDatabaseUrl, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
      expect(await accepts(stack.kafkaBrokers)).toBe(true);
    } finally {
      await stack.stop();
    }
  });

  it('stay down when they are stopped, and come back when they are resumed', async () => {
    const stack = await Stack.start({ dataFolder, environment: { KAFKA_BROKERS: brokersElsewhere } });
    try {
      expect(stack.kafkaBrokers).toBe(brokersElsewhere);
      expect(stack.supervisor.names).not.toContain('kafka');
      await stack.supervisor.stop('postgres-hub');
      await expect(query(stack.hubDatabaseUrl, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      stack.supervisor.resume('postgres-hub');
      await stack.supervisor.waitReady('postgres-hub');
      expect(await query(stack.hubDatabaseUrl, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
    } finally {
      await stack.stop();
    }
  });

  it('run as another user where root may not make user namespaces', async () => {
    const environment = { KAFKA_BROKERS: brokersElsewhere };
    const stack = await Stack.start({ dataFolder, environment, allowNamespaces: false });
    try {
      expect(await query(stack.hubDatabaseUrl, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
    } finally {
      await stack.remove();
    }
  });
});
