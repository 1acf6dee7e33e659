import { writeFileSync } from 'node:fs';
import pg from 'pg';
import { DirectoryServiceClient } from '#contracts';
import { grpcClient } from '#platform';
import { type AgencySystem, type Keys, poll } from '../../../deploy/src/demo/agency-system.js';
import { type StartedAgent, startAgent } from '../../../deploy/src/demo/agents.js';
import { testPerson, type TestPerson } from '../../../deploy/src/demo/people.js';
import type { Hub } from '../../../deploy/src/hub/hub.js';
import type { Stack } from '../../../deploy/src/stack.js';

/** A municipality asks, a wellbeing services county answers. Business ids have right check digits and name nobody. */
export const asker = { id: 'K-235', businessId: '0203026-2', agent: 'municipality' } as const;
export const holder = { id: 'H-03', businessId: '3221347-3', agent: 'county' } as const;

/** Contact details, and interpreting: the law gives them for making the plan, and no person decides them. */
export const categories = [1, 16] as const;
export const MUNICIPALITY = '235';

export interface BenchAgencies {
  readonly asking: AgencySystem;
  /** Clients whom the county's register knows. */
  readonly clients: readonly TestPerson[];
  /** Names of the agents' processes. */
  readonly processes: readonly string[];
}

/** Two agents with their databases, a client register that answers, keys in the log, and the shared pseudonym key. */
export async function startAgencies(stack: Stack, hub: Hub, clientCount: number): Promise<BenchAgencies> {
  const clients = distinctPeople(clientCount);
  const registerUrlFile = await createRegister(stack, clients);
  const municipality = await startAgent(stack, hub, asker.agent, [
    { id: asker.id, adapters: [], pseudonymKeyFrom: [] },
  ]);
  const county = await startAgent(stack, hub, holder.agent, [
    { id: holder.id, adapters: [registerAdapter(registerUrlFile)], pseudonymKeyFrom: [asker.id] },
  ]);
  const asking = await onboard(municipality, hub, asker);
  const answering = await onboard(county, hub, holder);
  await asking.post('/v1/onboarding/pseudonym-key');
  await asking.post('/v1/onboarding/pseudonym-key/share', { agency: holder.id });
  await keysUntil(answering, ({ keys }) => keys.some(({ use }) => use === 'pseudonym'));
  return { asking, clients, processes: [municipality.name, county.name] };
}

async function onboard(
  agent: StartedAgent,
  hub: Hub,
  { id, businessId }: typeof asker | typeof holder,
): Promise<AgencySystem> {
  const system = agent.systems.get(id)!;
  const { firstKeyThumbprint } = await system.post<Keys>('/v1/onboarding/keys');
  const directory = grpcClient(DirectoryServiceClient, hub.directoryGrpc, { deadlineMs: 30_000 });
  try {
    const names = { nameFi: '', nameSv: '' };
    await directory.registerAgency({
      id,
      businessId,
      ...names,
      contact: undefined,
      firstKeyThumbprint: firstKeyThumbprint!,
    });
  } finally {
    directory.close();
  }
  await system.post('/v1/onboarding/publish');
  await keysUntil(system, ({ keys }) => keys.length > 0 && keys.every(({ leafIndex }) => leafIndex !== undefined));
  return system;
}

const keysUntil = (system: AgencySystem, wanted: (keys: Keys) => boolean): Promise<Keys> =>
  poll(
    () => system.get<Keys>('/v1/keys'),
    wanted,
    60_000,
    (keys) => JSON.stringify(keys.keys),
  );

/** Answers without a person: the whole pipeline is measured, not somebody's coffee. */
const registerAdapter = (databaseUrlFile: string) => ({
  kind: 'sql',
  categories: [...categories],
  autoSend: true,
  databaseUrlFile,
  queries: {
    '1': {
      text: `SELECT json_build_object('family', family, 'given', given) AS "name", phone FROM client WHERE identity_code = $1`,
      parameters: ['identifier'],
    },
    '16': {
      text: `SELECT true AS "needed", language, 'on-site' AS "mode" FROM client WHERE identity_code = $1`,
      parameters: ['identifier'],
    },
  },
});

/** The county's client register, a database of its own beside the agents'. Returns the file with its address. */
async function createRegister(stack: Stack, clients: readonly TestPerson[]): Promise<string> {
  await execute(stack.agenciesDatabaseUrl, 'CREATE DATABASE bench_register');
  const url = Object.assign(new URL(stack.agenciesDatabaseUrl), { pathname: '/bench_register' }).toString();
  await execute(
    url,
    `CREATE TABLE client (identity_code text PRIMARY KEY, family text NOT NULL, given text NOT NULL, phone text NOT NULL,
       language text NOT NULL)`,
  );
  await execute(
    url,
    `INSERT INTO client SELECT code, family, given, '+358 40 1234567', 'ar'
     FROM unnest($1::text[], $2::text[], $3::text[]) AS client (code, family, given)`,
    [
      clients.map(({ identityCode }) => identityCode),
      clients.map(({ name }) => name.split(' ')[1]),
      clients.map(({ name }) => name.split(' ')[0]),
    ],
  );
  const file = stack.folder.within('bench-register.url');
  writeFileSync(file, url, { mode: 0o600 });
  return file;
}

async function execute(url: string, text: string, values?: unknown[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text, values);
  } finally {
    await client.end();
  }
}

function distinctPeople(count: number): TestPerson[] {
  const people = new Map<string, TestPerson>();
  for (let i = 0; people.size < count; i++) {
    const person = testPerson(`bench ${i}`, MUNICIPALITY);
    people.set(person.identityCode, person);
  }
  return [...people.values()];
}
