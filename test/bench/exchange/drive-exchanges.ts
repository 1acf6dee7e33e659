import type { AgencySystem, OpenedExchange } from '../../../deploy/src/demo/agency-system.js';
import type { TestPerson } from '../../../deploy/src/demo/people.js';
import type { PostgresObserver } from '../measure/postgres-work.js';
import type { Progress } from '../measure/progress.js';
import { asker, categories, holder, MUNICIPALITY } from './bench-agencies.js';

/** One exchange as the agency's system had it. */
export interface DrivenExchange {
  readonly id: string;
  /** When the system's call began. */
  readonly askedAt: Date;
  /** State of the exchange at the asker; `answered` is what is wanted. */
  readonly state: string;
}

const LOOK_EVERY_MS = 20;
const PATIENCE_MS = 60_000;

/**
 * Keeps so many exchanges under way until all are over. The end is seen in the asker's database, by one query for all of
 * them every 20 ms: a call of the agent's API for each look would be a load that no exchange needs.
 *
 * @throws Error when nothing has come to an end for a minute
 */
export async function driveExchanges(
  system: AgencySystem,
  clients: readonly TestPerson[],
  inFlight: number,
  observer: PostgresObserver,
  progress: Progress,
): Promise<DrivenExchange[]> {
  const waiting = clients.values();
  const underWay = new Map<string, { askedAt: Date; over: (state: string) => void }>();
  const driven: DrivenExchange[] = [];
  let running = true;
  let lastEnd = Date.now();

  const ask = async (): Promise<void> => {
    for (const client of waiting) {
      const askedAt = new Date();
      const { exchanges } = await system.post<{ exchanges: OpenedExchange[] }>('/v1/requests', questionAbout(client));
      const id = exchanges[0]!.exchangeId;
      const state = await new Promise<string>((over) => underWay.set(id, { askedAt, over }));
      driven.push({ id, askedAt, state });
      lastEnd = Date.now();
      progress.done(driven.length);
    }
  };
  const look = async (): Promise<void> => {
    while (running) {
      const over = await observer.rows<{ id: string; state: string }>(
        'exchanges-over',
        `SELECT id, state FROM agent.exchanges WHERE agency = $1 AND id = ANY($2) AND state <> 'open'`,
        [asker.id, [...underWay.keys()]],
      );
      for (const { id, state } of over) {
        underWay.get(id)?.over(state);
        underWay.delete(id);
      }
      if (Date.now() - lastEnd > PATIENCE_MS)
        throw new Error(`${underWay.size} exchanges stand still, ${driven.length} are over: see the services' logs`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  };

  const looking = look();
  const asking = Promise.all(Array.from({ length: inFlight }, ask)).finally(() => (running = false));
  await Promise.race([asking, looking.then(() => asking)]);
  await looking;
  return driven;
}

const questionAbout = ({ name, identityCode }: TestPerson) => ({
  client: { type: 'henkilotunnus', value: identityCode, name },
  categories: [...categories],
  purpose: 'plan',
  necessity: 'Kotoutumissuunnitelman laatiminen',
  caseNumber: 'BENCH/1',
  officer: { name: 'Aino Asiantuntija', title: 'kotoutumisasiantuntija', unit: 'Kotoutumispalvelut' },
  municipality: MUNICIPALITY,
  recipient: holder.id,
});
