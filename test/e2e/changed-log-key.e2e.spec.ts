import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCli } from '../../apps/cli/src/program.js';
import { alarmsOf, ask, requestAt } from '../../apps/agent/src/fake-hub/case.fixture.js';
import { bodyOf, eventually, TestAgent } from '../../apps/agent/src/fake-hub/test-agent.fixture.js';
import { joinHub } from './join-hub.js';
import { type RunningHub, startTestHub } from './running-hub.js';

/** The operator changes the audit service's settings and restarts it; nobody touches the agents. */
describe('agents at the real hub whose log changes its key', () => {
  let hub: RunningHub;
  let municipality: TestAgent;
  let county: TestAgent;
  let first: string;

  beforeAll(async () => {
    hub = await startTestHub();
    first = hub.hub.pins.LOG_VERIFIER_KEY;
    const pins = { pins: { ...hub.hub.pins } as Record<string, string> };
    municipality = await TestAgent.start(pins, [{ id: 'K-235' }]);
    county = await TestAgent.start(pins, [{ id: 'H-03', pseudonymKeyFrom: ['K-235'] }]);
    await joinHub(hub, [
      ['K-235', municipality],
      ['H-03', county],
    ]);
  }, 180_000);
  afterAll(async () => {
    await municipality?.close();
    await county?.close();
    await hub?.stop();
  });

  interface ShownKey {
    readonly verifierKey: string;
    readonly untilSize?: number;
  }
  const kotovayla = async (...args: string[]): Promise<{ code: number; data: { keys?: ShownKey[] } }> => {
    const out: string[] = [];
    const code = await runCli([...args, '--gateway', hub.addresses.gateway, '--json'], {
      env: { DATABASE_URL: hub.databaseUrl },
      folder: process.cwd(),
      out: (line) => out.push(line),
      err: (line) => out.push(line),
    });
    return { code, data: JSON.parse(out.join('\n')) as { keys?: ShownKey[] } };
  };
  /** The log's keys as who knows the first one finds them, once they are as wished. */
  const keysOnce = (wished: (keys: readonly ShownKey[]) => boolean): Promise<ShownKey[]> =>
    eventually('the keys of the log', async () => {
      const { code, data } = await kotovayla('log', 'key', '--verifier-key', first);
      return code === 0 && data.keys && wished(data.keys) ? data.keys : undefined;
    });
  /** A request and its opening, with their receipts, and the agents at the newest entry. */
  const exchange = async (): Promise<void> => {
    await requestAt(county, 'H-03', await ask(municipality, 'H-03', [11]));
    for (const [agent, id] of [
      [municipality, 'K-235'],
      [county, 'H-03'],
    ] as const) {
      expect(await alarmsOf(agent, id)).toEqual([]);
      expect(await bodyOf(agent.system(id).get('/v1/log'))).toMatchObject({ consistent: true });
    }
  };

  it('go on without anybody’s doing, and the log is whole from the first key and from the newest', async () => {
    const { supervisor, folder } = hub.stack;
    const next = folder.within('keys', 'next-log.jwk');
    await exchange();

    await supervisor.reconfigure('audit', { LOG_NEXT_KEY_FILE: next });
    await keysOnce((keys) => keys.length === 2);
    await exchange();
    supervisor.kill('audit', 'SIGKILL');
    await supervisor.waitReady('audit');
    await exchange();

    await supervisor.reconfigure('audit', { LOG_KEY_FILE: next, LOG_NEXT_KEY_FILE: undefined });
    const [old, newest] = await keysOnce(([before]) => before?.untilSize !== undefined);
    expect(old?.verifierKey).toBe(first);
    await exchange();
    await municipality.restart();
    await exchange();
    for (const key of [first, newest?.verifierKey ?? ''])
      for (const where of [[], ['database']])
        expect(await kotovayla('fsck', ...where, '--verifier-key', key)).toMatchObject({
          code: 0,
          data: { faults: [] },
        });
  });
});
