import { join } from 'node:path';
import { databaseSpec as consentDatabase } from '../../../apps/consent/src/infra/database.js';
import { databaseSpec as auditDatabase } from '../../../apps/audit/src/infra/database.js';
import { nodeOptions as auditNodeOptions } from '../../../apps/audit/src/short-lived-objects.js';
import { databaseSpec as directoryDatabase } from '../../../apps/directory/src/infra/database.js';
import { databaseSpec as exchangeDatabase } from '../../../apps/exchange/src/infra/database.js';
import { databaseSpec as identityDatabase } from '../../../apps/identity/src/infra/database.js';
import { serviceDatabaseUrl } from '#platform';
import { cloneFolder } from '../clone.js';
import { prepare } from '../prepare.js';
import type { Stack } from '../stack.js';
import type { ServiceSpec } from '../supervisor.js';
import { type HubKeys, hubKeys } from './hub-keys.js';

/** Name of the embedded stack's log. A production log is named after its public address. */
const LOG_ORIGIN = 'log.kotovayla.example';
const AUDIENCE = 'urn:kotovayla:gateway';

export const hubServiceNames = ['identity', 'directory', 'consent', 'exchange', 'audit', 'gateway'] as const;
export type HubServiceName = (typeof hubServiceNames)[number];

/** What an agency must know of the hub, configured by hand on its side. */
export interface HubPins {
  readonly GATEWAY_URL: string;
  readonly IDENTITY_ISSUER: string;
  readonly AUDIENCE: string;
  readonly LOG_ORIGIN: string;
  readonly LOG_VERIFIER_KEY: string;
  readonly OUTCOME_PUBLIC_JWK: string;
  readonly PERMIT_PUBLIC_JWK: string;
}

export interface HubPeers {
  readonly DIRECTORY_GRPC: string;
  readonly CONSENT_GRPC: string;
  readonly EXCHANGE_GRPC: string;
  readonly AUDIT_GRPC: string;
}

export interface Hub {
  readonly pins: HubPins;
  readonly directoryGrpc: string;
  readonly exchangeGrpc: string;
  /** HTTP address of each service, for health and metrics. */
  readonly urls: Readonly<Record<HubServiceName, string>>;
  /** Where the services find each other. */
  readonly peers: HubPeers;
}

/**
 * Makes keys, roles, schemas and topics, starts the six services at once and waits until all are ready.
 *
 * @param environment added to every service, such as a topic prefix or a log level
 */
export async function startHub(stack: Stack, environment: Record<string, string> = {}): Promise<Hub> {
  const keys = await hubKeys((...names) => stack.folder.within(...names), LOG_ORIGIN);
  const [{ specs, hub }] = await Promise.all([
    describe(stack, keys, environment),
    prepare(
      stack,
      [identityDatabase, directoryDatabase, consentDatabase, exchangeDatabase, auditDatabase],
      environment['KAFKA_TOPIC_PREFIX'],
    ),
  ]);
  for (const spec of specs) stack.supervisor.start(spec);
  await Promise.all(specs.map(({ name }) => stack.supervisor.waitReady(name)));
  return hub;
}

async function describe(
  stack: Stack,
  keys: HubKeys,
  environment: Record<string, string>,
): Promise<{ specs: ServiceSpec[]; hub: Hub }> {
  const address = async (name: string): Promise<string> => `127.0.0.1:${await stack.ports.of(name)}`;
  const http: Partial<Record<HubServiceName, string>> = {};
  const grpc: Partial<Record<HubServiceName, string>> = {};
  for (const name of hubServiceNames) {
    http[name] = await address(name);
    grpc[name] = await address(`${name}-grpc`);
  }
  const at = (addresses: Partial<Record<HubServiceName, string>>, name: HubServiceName): string => addresses[name]!;
  const url = (name: HubServiceName): string => `http://${at(http, name)}`;
  const pins: HubPins = {
    GATEWAY_URL: url('gateway'),
    IDENTITY_ISSUER: url('identity'),
    AUDIENCE,
    LOG_ORIGIN,
    LOG_VERIFIER_KEY: keys.logVerifierKey,
    OUTCOME_PUBLIC_JWK: JSON.stringify(keys.outcomePublicJwk),
    PERMIT_PUBLIC_JWK: JSON.stringify(keys.permitPublicJwk),
  };
  const peers: HubPeers = {
    DIRECTORY_GRPC: at(grpc, 'directory'),
    CONSENT_GRPC: at(grpc, 'consent'),
    EXCHANGE_GRPC: at(grpc, 'exchange'),
    AUDIT_GRPC: at(grpc, 'audit'),
  };
  const own: Readonly<Record<HubServiceName, Record<string, string>>> = {
    identity: { IDENTITY_KEY_FILE: keys.identityKeyFile },
    directory: {
      REFERENCE_DATA: join(cloneFolder, 'apps/directory/data'),
      DIRECTORY_KEY_FILE: keys.directoryKeyFile,
    },
    consent: { PERMIT_KEY_FILE: keys.permitKeyFile },
    exchange: { OUTCOME_KEY_FILE: keys.outcomeKeyFile },
    audit: {
      LOG_KEY_FILE: keys.logKeyFile,
      LOG_FOLDER: stack.folder.within('public-log'),
      AUDIT_KEY_FILE: keys.auditKeyFile,
      ENTRY_KEK_FILE: keys.entryKekFile,
      RELEASE_KEY_FOLDER: keys.releaseKeyFolder,
      GATEWAY_PUBLIC_JWK: JSON.stringify(keys.gatewayPublicJwk),
      DIRECTORY_PUBLIC_JWK: JSON.stringify(keys.directoryPublicJwk),
    },
    gateway: { GATEWAY_KEY_FILE: keys.gatewayKeyFile },
  };
  const specs = hubServiceNames.map((name) => ({
    name,
    entry: `services/${name}/main.js`,
    nodeOptions: name === 'audit' ? auditNodeOptions : [],
    readyUrl: `${url(name)}/readyz`,
    env: {
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: at(http, name).split(':')[1]!,
      GRPC_ADDRESS: at(grpc, name),
      KAFKA_BROKERS: stack.kafkaBrokers,
      ...(name === 'gateway' ? {} : { DATABASE_URL: serviceDatabaseUrl(stack.hubDatabaseUrl, name) }),
      ...peers,
      ...pins,
      ...own[name],
      ...environment,
    },
  }));
  const urls = Object.fromEntries(hubServiceNames.map((name) => [name, url(name)])) as Record<HubServiceName, string>;
  return { specs, hub: { pins, directoryGrpc: peers.DIRECTORY_GRPC, exchangeGrpc: peers.EXCHANGE_GRPC, urls, peers } };
}
