import { createHash } from 'node:crypto';
import cliProgress from 'cli-progress';
import { type AgencySystem, type OpenedExchange, RefusedByAgent } from './agency-system.js';
import type { ServedAgency } from './agents.js';
import { officers } from './cast.js';
import type { Narrator } from './narrator.js';
import type { Joining } from './onboarding.js';
import { type TestPerson, testPerson } from './people.js';

/** Municipalities and counties from south to north that join for the random exchanges. */
const MUNICIPALITIES = ['K-091', 'K-853', 'K-837', 'K-297', 'K-564', 'K-698'];
const COUNTIES = ['H-05', 'H-08', 'H-13', 'H-19', 'H-21'];
const IN_FLIGHT = 8;
/** Interpreting and language: no person has to decide it, and a statute lifts its secrecy. */
const CATEGORY = 16;

const interpretingQuery = {
  text: 'SELECT interpreter_language AS "language" FROM client WHERE identity_code = $1',
  parameters: ['identifier'],
};

/** A business id with a right check digit, made from the agency's id; it is nobody's on purpose only by chance. */
export function madeUpBusinessId(id: string): string {
  const digest = createHash('sha256').update(id).digest();
  for (let i = 0; ; i++) {
    const digits = String(9_000_000 + ((digest.readUInt32BE(0) + i) % 999_999));
    const sum = [7, 9, 10, 5, 8, 4, 2].reduce((total, weight, at) => total + weight * Number(digits[at]), 0) % 11;
    if (sum !== 1) return `${digits}-${sum === 0 ? 0 : 11 - sum}`;
  }
}

export const joiningAgencies = (): Joining[] =>
  [...MUNICIPALITIES, ...COUNTIES].map((id) => ({ id, businessId: madeUpBusinessId(id), telephone: '' }));

/** All of them answer from the demo's client register, without a person. */
export const servedAgencies = (databaseUrlFile: string, pseudonymKeyFrom: readonly string[]): ServedAgency[] =>
  joiningAgencies().map(({ id }) => ({
    id,
    pseudonymKeyFrom,
    adapters: [
      {
        kind: 'sql',
        categories: [CATEGORY],
        autoSend: true,
        source: 'Asiakastietojärjestelmä',
        databaseUrlFile,
        queries: { [CATEGORY]: interpretingQuery },
      },
    ],
  }));

/** N exchanges between random agencies, a few at a time, with a progress bar and a summary. */
export async function runRandomExchanges(
  count: number,
  systems: ReadonlyMap<string, AgencySystem>,
  known: readonly TestPerson[],
  narrator: Narrator,
): Promise<void> {
  const bar = new cliProgress.SingleBar(
    {
      format: '   {bar} {value}/{total} exchanges, {eta_formatted} left',
      hideCursor: true,
      noTTYOutput: true,
      notTTYSchedule: 10_000,
    },
    cliProgress.Presets.shades_classic,
  );
  const outcomes = new Map<string, number>();
  const latencies: number[] = [];
  const begun = Date.now();
  let next = 0;
  bar.start(count, 0);
  const work = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) {
      const started = Date.now();
      const outcome = await oneExchange(i, systems, known);
      latencies.push(Date.now() - started);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      bar.increment();
    }
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, count) }, work));
  bar.stop();
  const seconds = (Date.now() - begun) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  narrator.say(
    `${count} exchanges in ${seconds.toFixed(1)} s: ${(count / seconds).toFixed(1)} exchanges/s, ${((2 * count) / seconds).toFixed(1)} messages/s`,
  );
  narrator.say(`round trip p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms, with ${IN_FLIGHT} in flight`);
  narrator.say(`outcomes: ${[...outcomes].map(([outcome, times]) => `${outcome} ${times}`).join(', ')}`);
}

async function oneExchange(
  i: number,
  systems: ReadonlyMap<string, AgencySystem>,
  known: readonly TestPerson[],
): Promise<string> {
  const digest = createHash('sha256').update(`exchange ${i}`).digest();
  const asker = systems.get(MUNICIPALITIES[digest[0]! % MUNICIPALITIES.length]!);
  const recipient = COUNTIES[digest[1]! % COUNTIES.length]!;
  if (!asker) throw new Error('the municipality is not served');
  const person = digest[2]! % 4 === 0 ? testPerson(`unknown ${i}`, '091') : known[digest[3]! % known.length]!;
  try {
    const { exchanges } = await asker.post<{ exchanges: OpenedExchange[] }>('/v1/requests', {
      client: { type: 'henkilotunnus', value: person.identityCode, name: person.name },
      categories: [CATEGORY],
      purpose: 'plan',
      necessity: 'Tulkki tilataan suunnitelman laatimista varten.',
      caseNumber: `DEMO/${i}`,
      officer: officers.integrationWorker,
      recipient,
    });
    const ended = await asker.exchangeUntil(
      exchanges[0]!.exchangeId,
      ({ state, messages }) =>
        state !== 'open' && messages.every(({ direction, state: at }) => direction === 'sent' || at === 'opened'),
      120_000,
    );
    const item = ended.messages.flatMap(({ content }) => content?.items ?? []).at(-1);
    return item?.outcome ?? ended.state;
  } catch (error) {
    if (error instanceof RefusedByAgent) return error.problem.code;
    throw error;
  }
}
