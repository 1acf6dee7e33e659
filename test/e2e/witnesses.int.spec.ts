import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { unwrap } from '#kernel';
import { judgeWitnessed, parsePolicy, parseVerifierKey, type WitnessPolicy } from '#merkle';
import { Database, prepareDatabase, serviceDatabaseUrl } from '#platform';
import { createTestDatabase, type TestDatabase } from '#testing';
import { alarmsOf, ask, requestAt } from '../../apps/agent/src/fake-hub/case.fixture.js';
import { FakeHub } from '../../apps/agent/src/fake-hub/fake-hub.fixture.js';
import { FakeLog } from '../../apps/agent/src/fake-hub/fake-log.fixture.js';
import { bodyOf, eventually, MovedClock, TestAgent } from '../../apps/agent/src/fake-hub/test-agent.fixture.js';
import { ServeWitness } from '../../apps/agent/src/witness-log/serve-witness.js';
import { CosignatureCollector } from '../../apps/audit/src/collect-cosignatures/cosignature-collector.js';
import { databaseSpec } from '../../apps/audit/src/infra/database.js';
import type { CommittedLog } from '../../apps/audit/src/infra/log-store.js';
import { auditSchema } from '../../apps/audit/src/infra/schema.js';
import { LogPublisher } from '../../apps/audit/src/publish-log/log-publisher.js';
import { TileFolder } from '../../apps/audit/src/publish-log/tile-folder.js';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined, fatal: () => undefined };

/** What audit has committed: the entries of a log up to a size. */
const committed = (log: FakeLog, size = log.tree.size): CommittedLog => ({
  nextCheckpoint: async (after) =>
    after < size ? { size, root: log.tree.root(size), note: log.checkpoint(size) } : undefined,
  entries: async (from, to) => log.entries.slice(from, to),
});

/** Two operators' agents, each with its own vault and database, audit's own collector between them, over HTTP. */
describe('two operators as witnesses of the log', () => {
  let database: TestDatabase;
  let pool: Database;
  let temporary: string;
  let clock: MovedClock;
  let log: FakeLog;
  let hub: FakeHub;
  /** What the hub shows to the second operator: the same log, or another branch of it. */
  let otherHub: FakeHub;
  let municipality: TestAgent;
  let kela: TestAgent;
  let policy: WitnessPolicy;

  beforeEach(async () => {
    database = await createTestDatabase();
    await prepareDatabase(database.url, databaseSpec);
    pool = new Database(serviceDatabaseUrl(database.url, auditSchema));
    temporary = await mkdtemp(join(tmpdir(), 'witnesses-'));
    clock = new MovedClock();
    log = new FakeLog();
    hub = await FakeHub.start(log);
    otherHub = hub;
  });
  afterEach(async () => {
    await Promise.all([municipality?.close(), kela?.close()]);
    await hub.close();
    if (otherHub !== hub) await otherHub.close();
    await pool.close();
    await database.drop();
    await rm(temporary, { recursive: true, force: true });
  });

  /** Both start as witnesses, exchange keys by hand, and start again with the policy that names both. */
  async function startBoth(): Promise<void> {
    const file = join(temporary, 'policy');
    const environment = (name: string, listen: string) => ({
      WITNESS_NAME: `${name}.example/witness`,
      WITNESS_LISTEN: listen,
    });
    const agencies = [{ id: 'K-235' }, { id: 'H-03', pseudonymKeyFrom: ['K-235'] }];
    municipality = await TestAgent.start(hub, agencies, clock, environment('kauniainen', '127.0.0.1:0'));
    kela = await TestAgent.start(otherHub, [{ id: 'L-KELA' }], clock, environment('kela', '127.0.0.1:0'));
    await municipality.onboardAll();
    const lineOf = async (name: string, agent: TestAgent, id: string): Promise<string> => {
      const { verifierKey } = await bodyOf<{ verifierKey: string }>(agent.system(id).get('/v1/log/witness'));
      return `witness ${name} ${verifierKey} ${agent.app.get(ServeWitness).address}`;
    };
    const text = [
      await lineOf('kauniainen', municipality, 'K-235'),
      await lineOf('kela', kela, 'L-KELA'),
      'group operators all kauniainen kela',
      'quorum operators',
      '',
    ].join('\n');
    policy = unwrap(parsePolicy(text));
    await writeFile(file, text);
    const portOf = (agent: TestAgent): string => (agent.app.get(ServeWitness).address ?? '').replace('http://', '');
    await municipality.reconfigureProcess({
      ...environment('kauniainen', portOf(municipality)),
      WITNESS_POLICY_FILE: file,
    });
    await kela.reconfigureProcess({ ...environment('kela', portOf(kela)), WITNESS_POLICY_FILE: file });
  }

  /** Audit publishes the log as far as it goes and asks the witnesses. */
  async function publishAndAsk(folder: string, size?: number): Promise<{ warnings: string[]; by: string[] }> {
    const files = new TileFolder(join(temporary, folder));
    const verifier = unwrap(parseVerifierKey(log.verifierKey));
    const source = committed(log, size);
    const publisher = new LogPublisher({ folder: files, log: source, verifier, logger: silent, intervalMs: 0 });
    publisher.wake();
    await publisher.close();
    const collector = new CosignatureCollector({
      policy,
      folder: files,
      database: pool,
      verifier,
      isActive: () => true,
      clock,
      logger: silent,
      intervalMs: 1_000,
    });
    await collector.collect();
    hub.cosignedCheckpoint =
      (await files.readPublic('checkpoint.cosigned'))?.toString('utf8') ?? hub.cosignedCheckpoint;
    const note = (await files.checkpoint()) ?? '';
    const { cosignatures } = unwrap(judgeWitnessed(note, policy, clock.now()));
    return { warnings: collector.warnings(), by: cosignatures.map(({ witness }) => witness) };
  }

  interface ShownLog {
    readonly size: number;
    readonly consistent: boolean;
    readonly witnessed?: { readonly size: number };
  }
  const logAt = (agent: TestAgent, id: string): Promise<ShownLog> => bodyOf<ShownLog>(agent.system(id).get('/v1/log'));
  const codesAt = async (agent: TestAgent, id: string): Promise<string[]> =>
    (await alarmsOf(agent, id)).map(({ code }) => code);
  const alarmed = (agent: TestAgent, id: string, code: string): Promise<true> =>
    eventually(`${code} at ${id}`, async () => ((await codesAt(agent, id)).includes(code) ? true : undefined));
  const exchange = async (): Promise<void> => {
    await requestAt(municipality, 'H-03', await ask(municipality, 'H-03', [11]));
  };

  it('make a checkpoint a witnessed one, and both agents see it', async () => {
    await startBoth();
    await exchange();
    const { size } = log.tree;
    expect(await publishAndAsk('log')).toEqual({ warnings: [], by: ['kauniainen', 'kela'] });
    for (const [agent, id] of [
      [municipality, 'K-235'],
      [kela, 'L-KELA'],
    ] as const)
      await eventually(`witnessed at ${id}`, async () =>
        (await logAt(agent, id)).witnessed?.size === size ? true : undefined,
      );
    expect(await codesAt(municipality, 'K-235')).toEqual([]);
  });

  it('notice a fork that was shown to one of them: it cosigns nothing and raises an alarm, the other one misses witnesses', async () => {
    otherHub = await FakeHub.start(new FakeLog(log.keys));
    await startBoth();
    await exchange();
    // The branch of the second operator is as long as the first one's.
    while (otherHub.log.tree.size < log.tree.size) otherHub.log.append({ type: 'log-search', assertedBy: 'hub' });
    await eventually('the second one follows its branch', async () =>
      (await logAt(kela, 'L-KELA')).size === otherHub.log.tree.size ? true : undefined,
    );
    expect((await publishAndAsk('log')).by).toEqual(['kauniainen']);
    await alarmed(kela, 'L-KELA', 'LOG_INCONSISTENT');
    expect((await logAt(kela, 'L-KELA')).consistent).toBe(false);
    const { cosigned } = hub.looks;
    await eventually('receipts are written down', () => (hub.looks.cosigned > cosigned + 1 ? true : undefined));
    clock.moveOn(10 * 60_000);
    await alarmed(municipality, 'K-235', 'LOG_NOT_WITNESSED');
  });

  it('notice a log that was cut: none of them cosigns it, each raises an alarm, and audit is told', async () => {
    await startBoth();
    await exchange();
    const { size } = log.tree;
    await publishAndAsk('log');
    await eventually('all is followed', async () =>
      (await logAt(kela, 'L-KELA')).size === size && (await logAt(municipality, 'K-235')).size === size
        ? true
        : undefined,
    );
    const cut = size - 4;
    hub.shownCheckpoint = () => log.checkpoint(cut);
    const { warnings, by } = await publishAndAsk('restored', cut);
    expect(by).toEqual([]);
    expect(warnings).toEqual(expect.arrayContaining(['witness kela has cosigned a larger log than the published one']));
    const { newest } = hub.looks;
    await eventually('both have looked', () => (hub.looks.newest > newest + 4 ? true : undefined));
    clock.moveOn(60_000);
    await alarmed(municipality, 'K-235', 'LOG_INCONSISTENT');
    await alarmed(kela, 'L-KELA', 'LOG_INCONSISTENT');
  });
});
