import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, testStack, uniqueTopicPrefix } from '#testing';
import { startHub, type Hub } from '../../deploy/src/hub/hub.js';
import { Stack } from '../../deploy/src/stack.js';
import { HubAgency, type HubAddresses } from './hub-agency.js';
import { agencyId } from '#kernel';

export interface RunningHub {
  readonly hub: Hub;
  readonly stack: Stack;
  readonly addresses: HubAddresses;
  /** Administrator's address of the hub's database. */
  readonly databaseUrl: string;
  readonly topicPrefix: string;
  /** An onboarded agency that has its token. */
  agency(id: string): Promise<HubAgency>;
  /** An agency with keys of which the hub knows nothing. */
  stranger(id: string): Promise<HubAgency>;
  stop(): Promise<void>;
}

/** Check digits verified; nobody compared these with the Business Information System. */
const businessIds: Readonly<Record<string, string>> = {
  K: '0203026-2',
  H: '3221347-3',
  T: '0101263-6',
  L: '0246246-0',
  A: '0245437-2',
};

/** Six real services over a database and topics of their own, on the brokers and clusters of the test run. */
export async function startTestHub(environment: Record<string, string> = {}): Promise<RunningHub> {
  const { kafkaBrokers } = testStack();
  const database = await createTestDatabase();
  const topicPrefix = uniqueTopicPrefix();
  const stack = await Stack.start({
    dataFolder: mkdtempSync(join(tmpdir(), 'kotovayla-hub-')),
    environment: { KAFKA_BROKERS: kafkaBrokers.join(','), DATABASE_URL: database.url },
  });
  const running = await hubOn(stack, { KAFKA_TOPIC_PREFIX: topicPrefix, ...environment });
  return {
    ...running,
    databaseUrl: database.url,
    topicPrefix,
    stop: async () => {
      await stack.remove();
      await database.drop();
    },
  };
}

/** The services over a stack whose databases and broker belong to the test. */
export async function hubOn(stack: Stack, environment: Record<string, string> = {}): Promise<RunningHub> {
  const hub = await startHub(stack, { LOG_LEVEL: 'warn', ...environment });
  const addresses: HubAddresses = {
    gateway: hub.pins.GATEWAY_URL,
    issuer: hub.pins.IDENTITY_ISSUER,
    audience: hub.pins.AUDIENCE,
    directoryGrpc: hub.directoryGrpc,
    outcomeJwk: hub.pins.OUTCOME_PUBLIC_JWK,
    logVerifierKey: hub.pins.LOG_VERIFIER_KEY,
  };
  return {
    hub,
    stack,
    addresses,
    databaseUrl: stack.hubDatabaseUrl,
    topicPrefix: environment['KAFKA_TOPIC_PREFIX'] ?? '',
    agency: async (id) => {
      const agency = await HubAgency.create(agencyId(id), addresses);
      await agency.onboard(businessIds[id.charAt(0)]!);
      await until(() => agency.accessToken('auditor').then(Boolean, () => false));
      await until(() => agency.accessToken().then(Boolean, () => false));
      await until(async () => (await agency.call('GET', '/v1/mailbox?after=0&wait=0')).status === 200);
      return agency;
    },
    stranger: (id) => HubAgency.create(agencyId(id), addresses),
    stop: () => stack.remove(),
  };
}

/** Another instance of the gateway behind the same public address, on a port of its own. Returns its own address. */
export async function startAnotherGateway({ hub, stack, topicPrefix }: RunningHub): Promise<string> {
  const port = String(await stack.ports.of('gateway-2'));
  const url = `http://127.0.0.1:${port}`;
  stack.supervisor.start({
    name: 'gateway-2',
    entry: 'services/gateway/main.js',
    readyUrl: `${url}/readyz`,
    env: {
      LOG_LEVEL: 'warn',
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: port,
      KAFKA_BROKERS: stack.kafkaBrokers,
      KAFKA_TOPIC_PREFIX: topicPrefix,
      ...hub.pins,
      ...hub.peers,
      GATEWAY_KEY_FILE: stack.folder.within('keys', 'gateway.jwk'),
    },
  });
  await stack.supervisor.waitReady('gateway-2');
  return url;
}

/** Polls until the condition holds; throws after the time. */
export async function until(condition: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('the condition did not come true');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
