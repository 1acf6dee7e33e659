import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { compiled } from './clone.js';
import { DataFolder } from './data-folder.js';
import { Ownership } from './ownership.js';
import { Ports } from './ports.js';
import { type ProcessIdentity, identify, isRunning } from './process-identity.js';
import { type ServiceSpec, Supervisor } from './supervisor.js';

let path: string;
let folder: DataFolder;
let ownership: Ownership;
let supervisor: Supervisor;
let service: ServiceSpec;
let reports: string[];

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'kotovayla-supervisor-'));
  folder = new DataFolder(path);
  reports = [];
  ownership = await Ownership.take(folder, () => undefined);
  supervisor = new Supervisor(folder, ownership, (line) => reports.push(line));
  const port = await Ports.open(folder).of('service');
  service = {
    name: 'service',
    entry: 'deploy/src/supervised-service.fixture.js',
    env: { HTTP_PORT: String(port) },
    readyUrl: `http://127.0.0.1:${port}/`,
  };
});

afterEach(async () => {
  await supervisor.stopAll();
  ownership.release();
  rmSync(path, { recursive: true, force: true });
});

const servingPid = async (): Promise<number> => Number(await (await fetch(service.readyUrl ?? '')).text());

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(25);
}

describe('a supervised service', () => {
  it('is started again after kill -9', async () => {
    supervisor.start(service);
    await supervisor.waitReady('service');
    const killed = await servingPid();
    supervisor.kill('service', 'SIGKILL');
    await eventually(() => ![killed, undefined].includes(supervisor.pidOf('service')));
    await supervisor.waitReady('service');
    expect(await servingPid()).not.toBe(killed);
    expect(reports).toEqual(['service ended (SIGKILL); started again in 200 ms']);
  });

  it('is another process after a restart', async () => {
    supervisor.start(service);
    await supervisor.waitReady('service');
    const before = await servingPid();
    await supervisor.restart('service');
    expect(await servingPid()).not.toBe(before);
    expect(reports).toEqual([]);
  });

  it('is not started again when it refuses its configuration', async () => {
    supervisor.start({ ...service, env: { ...service.env, EXIT_CODE: '78' } });
    await expect(supervisor.waitReady('service')).rejects.toThrow('service was stopped before it was ready');
    expect(supervisor.pidOf('service')).toBeUndefined();
  });

  it('is given up as not starting when it keeps ending', async () => {
    supervisor.start({ ...service, env: { ...service.env, EXIT_CODE: '1' } });
    await expect(supervisor.waitReady('service')).rejects.toThrow('service does not start');
  });

  it('does not learn the administrator’s addresses from our environment', async () => {
    process.env['DATABASE_URL'] ??= '';
    const own = process.env['DATABASE_URL'];
    process.env['DATABASE_URL'] = 'postgresql://administrator@db.example/hub';
    try {
      supervisor.start(service);
      await supervisor.waitReady('service');
      const environment = readFileSync(`/proc/${supervisor.pidOf('service')}/environ`, 'utf8');
      expect(environment).not.toContain('db.example');
    } finally {
      process.env['DATABASE_URL'] = own;
    }
  });
});

describe('a parent that is killed', () => {
  const startParent = async (at: string): Promise<{ parent: ChildProcess; children: ProcessIdentity[] }> => {
    const parent = spawn(process.execPath, [compiled('deploy/src/supervising-parent.fixture.js'), at], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(parent.stdout, 'data');
    const owned = JSON.parse(readFileSync(join(at, 'stack.pid'), 'utf8')) as {
      children: Record<string, ProcessIdentity>;
    };
    return { parent, children: Object.values(owned.children) };
  };

  it('takes its services and guarded programs with it', async () => {
    const { parent, children } = await startParent(join(path, 'killed'));
    expect(children.filter(isRunning)).toHaveLength(2);
    parent.kill('SIGKILL');
    await eventually(() => !children.some(isRunning));
    expect(children.filter(isRunning)).toEqual([]);
  });

  it('is stopped, with its children, by the next owner of the folder', async () => {
    const at = join(path, 'taken');
    const { parent, children } = await startParent(at);
    const ended = once(parent, 'exit');
    const next = await Ownership.take(new DataFolder(at), () => undefined);
    await ended;
    expect(children.filter(isRunning)).toEqual([]);
    next.release();
  });
});

describe('a pid file that a kill has left', () => {
  it('harms no other program that has the pid now', async () => {
    const bystander = spawn('sleep', ['60']);
    const identity = identify(bystander.pid ?? 0);
    const stale = { pid: bystander.pid, startedAt: 'another time' };
    const at = new DataFolder(join(path, 'stale'));
    writeFileSync(at.within('stack.pid'), JSON.stringify({ owner: stale, children: { kafka: stale } }));
    const next = await Ownership.take(at, () => undefined);
    expect(identity && isRunning(identity)).toBe(true);
    next.release();
    bystander.kill('SIGKILL');
  });
});

describe('ports', () => {
  it('stay the same for a name as long as nobody else takes them', async () => {
    const first = await Ports.open(folder).of('gateway');
    expect(await Ports.open(folder).of('gateway')).toBe(first);
    expect(await Ports.open(folder).of('identity')).not.toBe(first);
  });
});
