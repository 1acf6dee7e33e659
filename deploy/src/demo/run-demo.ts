import { writeFileSync } from 'node:fs';
import Table from 'cli-table3';
import { agencyId } from '#kernel';
import { startHub, type Hub } from '../hub/hub.js';
import type { Stack } from '../stack.js';
import { startAgent, keptSecret, type StartedAgent } from './agents.js';
import type { AgencySystem } from './agency-system.js';
import { Auditor, type LogSummary } from './audit.js';
import { ConsentScenario } from './consents.js';
import { Eraser } from './erase.js';
import { agencies, countyClients, guardian, kelaClients, stranger } from './cast.js';
import { countyQueries, CountyRegister } from './county-register.js';
import { hostedAccount, issuerOf, startIdentification } from './identification.js';
import { type ExchangeRow, Narrator } from './narrator.js';
import { LogOperator } from './log-operator.js';
import { onboard, sharePseudonymKey } from './onboarding.js';
import { sendWhatMustBeRefused } from './refusals.js';
import { joiningAgencies, runRandomExchanges, servedAgencies } from './random-exchanges.js';
import { Scenario } from './scenario.js';
import { agreeOnWitnesses, type Operator, type Witnesses, witnessedLine } from './witnesses.js';

export interface DemoOptions {
  /** Stop after the scenario instead of leaving the services up. */
  readonly once: boolean;
  /** File for the results as data. */
  readonly json: string | undefined;
  /** Further random exchanges after the scenario. */
  readonly exchanges: number;
}

/** Who may identify at the demo’s identification service. */
const testPersons = [...countyClients.map(({ person }) => person), guardian, stranger];

/** The municipality's own agent, and the IT company that runs the others' in one process: each is one operator. */
const operators: readonly Operator[] = [
  { agent: 'kauniainen', agency: agencyId(agencies.municipality.id) },
  { agent: 'host', agency: agencyId(agencies.county.id) },
];

/** Municipalities that take part with a faulty system, one at each start. */
const FAULTY = ['K-049', 'K-092', 'K-186', 'K-245', 'K-257', 'K-444', 'K-543', 'K-638', 'K-858', 'K-927'];

/** Plays the scenario against the stack. Resolves to the exit code. */
export async function runDemo(stack: Stack, options: DemoOptions): Promise<number> {
  const narrator = new Narrator((line) => console.log(line));
  let hub: Hub | undefined;
  let witnesses: Witnesses | undefined;
  let log: LogSummary | undefined;
  let agents: StartedAgent[] = [];
  let failed = false;
  try {
    await narrator.step('Starting the hub: identity, directory, consent, exchange, audit, gateway', async () => {
      witnesses = await agreeOnWitnesses(stack, operators);
      const asked = { WITNESS_POLICY_FILE: witnesses.policyFile, WITNESS_ASK_MS: '2000' };
      // In production a leaf is a minute old before it is compared, and a fact without one is an alarm after ten.
      const soon = { RECONCILE_EVERY_MS: '2000', RECONCILE_LEAST_AGE_MS: '1000', RECONCILE_ALARM_MS: '30000' };
      hub = await startHub(stack, { ...soon, ACCOUNT_HOSTS: agencies.municipality.id, ...asked });
      stack.folder.writeJson('hub.json', hub);
    });
    await narrator.step(
      'Starting two agents, the county register, the benefit register and an identification service of test persons',
      async () => {
        agents = await startAgencies(stack, hub!, witnesses!);
      },
    );
    log = await play(stack, hub!, agents, witnesses!, narrator);
    if (options.exchanges > 0) agents.push(await playOn(stack, hub!, agents, narrator, options.exchanges));
  } catch {
    failed = true;
  }
  console.log(`\n${tableOf(narrator.exchanges)}`);
  const services = { ...hub?.urls, ...Object.fromEntries(agents.map(({ name, url }) => [name, url])) };
  if (options.json !== undefined) {
    const result = { ok: !failed, steps: narrator.steps, exchanges: narrator.exchanges, log, services };
    writeFileSync(options.json, `${JSON.stringify(result, undefined, 2)}\n`);
  }
  for (const [name, url] of Object.entries(services)) console.log(`${name.padEnd(20)} ${url}`);
  if (failed) console.error(`\nThe scenario did not come through. Logs: ${stack.folder.logs}`);
  if (failed || options.once) return failed ? 1 : 0;
  console.log(`A test person’s account  ${accountAt(agents)}/login`);
  console.log(`\nEverything stays up; logs are in ${stack.folder.logs}. Ctrl-C stops it.`);
  return new Promise<number>(() => undefined);
}

async function play(
  stack: Stack,
  hub: Hub,
  agents: readonly StartedAgent[],
  witnesses: Witnesses,
  narrator: Narrator,
): Promise<LogSummary> {
  const system = (id: string): AgencySystem => {
    const found = agents.flatMap(({ systems }) => systems.get(id) ?? [])[0];
    if (!found) throw new Error(`no agent serves ${id}`);
    return found;
  };
  const systems = {
    municipality: system(agencies.municipality.id),
    county: system(agencies.county.id),
    employment: system(agencies.employment.id),
    kela: system(agencies.kela.id),
  };
  const scenario = new Scenario(systems, narrator);
  const auditor = new Auditor(stack, hub, narrator);
  let consentId = '';
  let result: { log: LogSummary; holds: (row: ExchangeRow) => boolean } | undefined;

  await narrator.step('1. Onboarding', async () => {
    for (const role of ['municipality', 'county', 'employment', 'kela'] as const)
      await onboard(hub.directoryGrpc, agencies[role], systems[role], narrator);
    await auditor.join();
    await sharePseudonymKey(systems.municipality, [systems.county, systems.employment, systems.kela], narrator);
  });
  await narrator.step('2. The client consents at Kauniainen', async () => {
    consentId = await scenario.recordConsent();
  });
  await narrator.step('3. Kauniainen asks the county with one call', () => scenario.askCounty(consentId));
  await narrator.step('4. Kela is asked on a statute, without a consent', () => scenario.askKela());
  await narrator.step('5. The employment authority asks back', () => scenario.askEmploymentAuthority());
  await narrator.step('6. A referral, and a request to the wrong authority', () => scenario.referAndForward());
  await narrator.step('7. Consent withdrawn after delivery and before opening', () => scenario.withdrawBeforeOpening());
  const account = accountAt(agents);
  const consents = new ConsentScenario(scenario, systems, narrator);
  await narrator.step(
    '8. A client is asked, agrees in part, takes it back elsewhere and sees the account; a guardian decides',
    async () => {
      await consents.withdrawElsewhere(await consents.agreeInPart());
      await consents.seeAccount(account);
      await consents.guardianDecides();
    },
  );
  await narrator.step('9. What must be refused is refused', () =>
    sendWhatMustBeRefused(
      {
        gateway: hub.pins.GATEWAY_URL,
        issuer: hub.pins.IDENTITY_ISSUER,
        audience: hub.pins.AUDIENCE,
        directoryGrpc: hub.directoryGrpc,
        outcomeJwk: hub.pins.OUTCOME_PUBLIC_JWK,
        logVerifierKey: hub.pins.LOG_VERIFIER_KEY,
      },
      FAULTY,
      narrator,
    ),
  );
  await narrator.step('10. The auditor verifies it all', async () => {
    result = await auditor.audit(narrator.exchanges);
    const { GATEWAY_URL, LOG_VERIFIER_KEY } = hub.pins;
    narrator.say(await witnessedLine(GATEWAY_URL, LOG_VERIFIER_KEY, witnesses.policyFile));
    await auditor.reconciled(result.log);
    narrator.verified(result.holds);
    const unverified = narrator.exchanges.filter(({ verified }) => !verified);
    if (unverified.length > 0) throw new Error(`not in the verified log: ${unverified.map(({ id }) => id).join(', ')}`);
  });
  await narrator.step('11. The auditor reports: a client’s account, the evidence of one transfer, all entries', () =>
    auditor.report(narrator.exchanges, witnesses.policyFile),
  );
  await narrator.step('12. Two authorities have entries erased, and the log still proves itself', () =>
    new Eraser(stack, hub, narrator).erase(),
  );
  await narrator.step('13. The log changes its key, and what was proved before is proved still', () =>
    auditor.keepProofs(new LogOperator(stack)),
  );
  return result!.log;
}

/** Further agencies join, and exchange with each other. */
async function playOn(
  stack: Stack,
  hub: Hub,
  agents: readonly StartedAgent[],
  narrator: Narrator,
  count: number,
): Promise<StartedAgent> {
  let country: StartedAgent | undefined;
  const first = agents.flatMap(({ systems }) => systems.get(agencies.municipality.id) ?? [])[0]!;
  await narrator.step('Agencies all over the country join', async () => {
    const databaseUrlFile = stack.folder.within('registers', 'county.url');
    country = await startAgent(stack, hub, 'country', servedAgencies(databaseUrlFile, [agencies.municipality.id]));
    const { systems } = country;
    for (const agency of joiningAgencies()) await onboard(hub.directoryGrpc, agency, systems.get(agency.id)!, narrator);
    await sharePseudonymKey(first, [...systems.values()], narrator);
  });
  await narrator.step(`${count} random exchanges`, () =>
    runRandomExchanges(
      count,
      country!.systems,
      countyClients.map(({ person }) => person),
      narrator,
    ),
  );
  return country!;
}

/** Where clients see their account, with their browsers. */
const accountAt = (agents: readonly StartedAgent[]): string => {
  const { id } = agencies.municipality;
  return `${agents.find(({ systems }) => systems.has(id))?.url ?? ''}/v1/account/${id}`;
};

async function startAgencies(stack: Stack, hub: Hub, { environments }: Witnesses): Promise<StartedAgent[]> {
  const register = await CountyRegister.create(stack.agenciesDatabaseUrl);
  await register.put(countyClients);
  const secretFile = stack.folder.within('registers', 'kela.secret');
  keptSecret(secretFile);
  stack.folder.writeJson('registers/kela-clients.json', kelaClients);
  const kelaPort = await stack.ports.of('kela-register');
  stack.supervisor.start({
    name: 'kela-register',
    entry: 'deploy/src/demo/kela-register.js',
    readyUrl: `http://127.0.0.1:${kelaPort}/`,
    env: {
      PORT: String(kelaPort),
      SECRET_FILE: secretFile,
      CLIENTS_FILE: stack.folder.within('registers', 'kela-clients.json'),
    },
  });
  const pseudonymKeyFrom = [agencies.municipality.id];
  // One after the other: both prepare a database on one cluster.
  const account = await hostedAccount(
    agencies.municipality.id,
    {
      issuer: await issuerOf(stack, 'identification'),
      url: `http://127.0.0.1:${await stack.ports.of('agent-kauniainen')}`,
    },
    (name) => stack.folder.within('agents', 'kauniainen', name),
  );
  await startIdentification(stack, 'identification', { parties: [account.party], persons: testPersons });
  const municipality = await startAgent(
    stack,
    hub,
    'kauniainen',
    [{ id: agencies.municipality.id, adapters: [], pseudonymKeyFrom: [], account: account.settings }],
    environments.get('kauniainen'),
  );
  const host = await startAgent(
    stack,
    hub,
    'host',
    [
      {
        id: agencies.county.id,
        pseudonymKeyFrom,
        adapters: [
          {
            kind: 'sql',
            categories: [11, 12],
            source: 'Asiakastietojärjestelmä',
            databaseUrlFile: keptText(stack, 'registers/county.url', register.readerUrl),
            queries: countyQueries,
          },
        ],
      },
      { id: agencies.employment.id, pseudonymKeyFrom, adapters: [] },
      {
        id: agencies.kela.id,
        pseudonymKeyFrom,
        adapters: [
          {
            kind: 'webhook',
            categories: [9, 13],
            autoSend: true,
            source: 'Etuusrekisteri',
            url: `http://127.0.0.1:${kelaPort}/requests`,
            secretFile,
          },
        ],
      },
    ],
    environments.get('host'),
  );
  await stack.supervisor.waitReady('kela-register');
  return [municipality, host];
}

function keptText(stack: Stack, name: string, text: string): string {
  const path = stack.folder.within(...name.split('/'));
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

function tableOf(rows: readonly ExchangeRow[]): string {
  const table = new Table({
    head: ['exchange', 'from → to', 'categories', 'basis', 'outcome', 'log index', 'verified'],
    style: { head: [], border: [] },
  });
  for (const row of rows)
    table.push([
      row.id.slice(-8),
      `${row.from} → ${row.to}`,
      row.categories.join(', '),
      row.basis,
      row.outcome,
      row.logIndex ?? '–',
      row.verified ? 'yes' : 'no',
    ]);
  return table.toString();
}
