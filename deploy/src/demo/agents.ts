import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import pg from 'pg';
import { prepareDatabase, serviceDatabaseUrl } from '#platform';
import { databaseSpec } from '../../../apps/agent/src/infra/database.js';
import type { Hub } from '../hub/hub.js';
import type { Stack } from '../stack.js';
import { AgencySystem } from './agency-system.js';

/** An agency as an agent's configuration file has it; see `apps/agent/src/agency-settings.ts`. */
export interface ServedAgency {
  readonly id: string;
  readonly adapters: readonly object[];
  readonly pseudonymKeyFrom: readonly string[];
  /** Clients see their account at this agency. */
  readonly account?: object;
}

export interface StartedAgent {
  readonly name: string;
  readonly url: string;
  /** The agency's own system, with its key, by agency id. */
  readonly systems: ReadonlyMap<string, AgencySystem>;
}

/** Starts an agent process with a database, vaults and system keys of its own, and waits until it is ready. */
export async function startAgent(
  stack: Stack,
  hub: Hub,
  name: string,
  agencies: readonly ServedAgency[],
  environment: Record<string, string> = {},
): Promise<StartedAgent> {
  const place = (...names: string[]): string => stack.folder.within('agents', name, ...names);
  const database = await createDatabase(stack.agenciesDatabaseUrl, `agent_${name}`);
  await prepareDatabase(database, databaseSpec);
  const keys = new Map(agencies.map(({ id }) => [id, keptSecret(place(`${id}.system-key`))]));
  const settings = agencies.map(({ id, adapters, pseudonymKeyFrom, account }) => ({
    id,
    vault: { path: place(`${id}.vault`), keyFile: place(`${id}.vault-key`) },
    systems: [{ name: 'register', keyHash: createHash('sha256').update(keys.get(id)!).digest('base64url') }],
    adapters,
    pseudonymKeyFrom,
    ...(account === undefined ? {} : { account }),
    // The demo does not wait an hour for refusals that must tell nothing; a real agency does.
    refusalWindow: { afterSeconds: 1, everySeconds: 1 },
  }));
  writeFileSync(place('agencies.json'), JSON.stringify({ agencies: settings }, undefined, 2), { mode: 0o600 });
  const port = await stack.ports.of(`agent-${name}`);
  const url = `http://127.0.0.1:${port}`;
  const service = `agent-${name}`;
  stack.supervisor.start({
    name: service,
    entry: 'services/agent/main.js',
    readyUrl: `${url}/readyz`,
    env: {
      ...hub.pins,
      HTTP_PORT: String(port),
      DATABASE_URL: serviceDatabaseUrl(database, databaseSpec.schema),
      AGENT_CONFIG_FILE: place('agencies.json'),
      ...environment,
    },
  });
  await stack.supervisor.waitReady(service);
  return { name: service, url, systems: new Map([...keys].map(([id, key]) => [id, new AgencySystem(id, url, key)])) };
}

/** A secret in a file of its own (mode 0600), made once. */
export function keptSecret(path: string): string {
  if (existsSync(path)) return readFileSync(path, 'utf8');
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const secret = randomBytes(32).toString('base64url');
  writeFileSync(path, secret, { mode: 0o600 });
  return secret;
}

async function createDatabase(administratorUrl: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: administratorUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${name}`);
  } finally {
    await client.end();
  }
  return Object.assign(new URL(administratorUrl), { pathname: `/${name}` }).toString();
}
