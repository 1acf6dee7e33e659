import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { ExchangeEvent, LogRecord, ListFactsResponse, topics } from '#contracts';
import type { LogBody } from '#envelope';
import { LogReconciler } from '#messaging';
import { Database, prepareDatabase, serviceDatabaseUrl } from '#platform';
import { plainProposal } from '../../../apps/audit/src/append-entries/proposal.js';
import { ReconciliationStore } from '../../../apps/audit/src/infra/reconciliation-store.js';
import { FactsInLog } from '../../../apps/audit/src/reconcile-facts/facts-in-log.js';
import { databaseSpec as exchangeDatabase } from '../../../apps/exchange/src/infra/database.js';
import { type BenchLog, BodySource, withBenchLog } from '../audit/bench-log.js';
import { CpuMeter } from '../measure/cpu-meter.js';
import { showProgress } from '../measure/progress.js';

const entriesOfProposal = 200;
const antiJoins = 20;
/** Exchange's own; audit writes the others. */
const exchangesOwn: ReadonlySet<string> = new Set(['message-accepted', 'message-delivered']);

interface Cost {
  readonly wallMs: number;
  /** Microseconds for an entry, of this process (both services' parts) and of PostgreSQL. */
  readonly services: number;
  readonly postgres: number;
}

/**
 * `npm run bench -- reconcile`: exchange's events held against a log, every body opened and proved, beside the anti-join of the same
 * two sets in one statement, which finds what is missing and opens nothing.
 */
export async function runReconcileBench(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { entries: { type: 'string', default: '20000' }, json: { type: 'string' } },
  });
  const entries = Number(values.entries);
  return withBenchLog(async (log) => {
    const { url } = log.ground.database;
    await prepareDatabase(url, exchangeDatabase);
    const exchange = new Database(serviceDatabaseUrl(url, exchangeDatabase.schema));
    const owner = new Database(url, { max: 1 });
    try {
      await fill(log, exchange, entries);
      await owner.query({ text: 'ANALYZE' });
      const reconciled = await reconcile(log, exchange);
      const joined = await antiJoin(log, owner, entries);
      const ratio = cpuOf(reconciled) / cpuOf(joined);
      console.log(`${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)}; ${entries} entries, pages of 500`);
      console.log(line('held against the log', reconciled));
      console.log(line('anti-join in SQL alone', joined));
      console.log(`  ratio of CPU: ${ratio.toFixed(1)}`);
      const figures = { bench: 'reconcile', entries, reconciled, antiJoin: joined, ratio };
      if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
    } finally {
      await exchange.close();
      await owner.close();
    }
  });
}

const cpuOf = ({ services, postgres }: Cost): number => services + postgres;
const line = (name: string, { wallMs, services, postgres }: Cost): string =>
  `  ${name.padEnd(24)} ${services.toFixed(0)} µs and ${postgres.toFixed(1)} µs of PostgreSQL for an entry, ${wallMs.toFixed(0)} ms in all`;

/** The log's entries, and exchange's events as it committed them, confirmed. */
async function fill(log: BenchLog, exchange: Database, entries: number): Promise<void> {
  const source = new BodySource(entries);
  const progress = showProgress('entries', entries);
  for (let done = 0; done < entries; done += entriesOfProposal) {
    const bodies = source.some(Math.min(entriesOfProposal, entries - done));
    const { leaves } = await log.audit.appender.append(plainProposal(await log.prepare(bodies)));
    const own = bodies.flatMap((body, at) => (exchangesOwn.has(body.type) ? [{ body, leaf: leaves[at]! }] : []));
    await exchange.query({
      name: 'bench.events',
      text: `WITH given AS (
               SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[]) AS one (event_id, payload, leaf_index)
             ), kept AS (
               INSERT INTO exchange.outbox (event_id, topic, key, payload)
               SELECT event_id, '${topics.exchangeEvents}', 'bench', payload FROM given
             )
             INSERT INTO exchange.outbox_logged (event_id, leaf_index) SELECT event_id, leaf_index FROM given`,
      values: [
        own.map(({ body }) => body.eventId),
        own.map(({ body }) => Buffer.from(ExchangeEvent.encode({ log: recordOf(body) }).finish())),
        own.map(({ leaf }) => leaf),
      ],
    });
    progress.done(done + bodies.length);
  }
  progress.end();
}

const recordOf = ({ at, seq = 0, ...body }: LogBody): LogRecord =>
  LogRecord.fromPartial({
    eventId: body.eventId,
    type: body.type,
    at: new Date(at),
    exchangeId: body.exchangeId ?? '',
    exchangeNumber: seq,
    messageId: body.messageId ?? '',
    manifestHash: body.manifestHash ?? '',
    sender: body.sender ?? '',
    recipient: body.recipient ?? '',
    subjects: [...(body.subjects ?? [])],
    categories: [...(body.categories ?? [])],
    purpose: body.purpose ?? '',
  });

/** Both sides in this process, the answers in bytes between them as gRPC carries them. */
async function reconcile(log: BenchLog, exchange: Database): Promise<Cost> {
  const facts = new FactsInLog(log.audit.database, new ReconciliationStore(log.audit.database), log.audit.openings);
  const size = log.audit.appender.current().checkpoint.size;
  let compared = 0;
  let reached = 0;
  const reconciler = new LogReconciler({
    pool: exchange.pool,
    schema: exchangeDatabase.schema,
    topic: topics.exchangeEvents,
    audit: {
      listFacts: async (request) =>
        ListFactsResponse.decode(ListFactsResponse.encode(await facts.list(request)).finish()),
      reportReconciliation: (request) => {
        if (request.differences.length > 0) throw new Error(`${request.differences[0]!.kind}: they must not differ`);
        compared += request.compared;
        reached = Number(request.next);
        return Promise.resolve({ alert: '', refused: [] });
      },
    },
    recordOf: (payload) => ExchangeEvent.decode(payload).log,
    confirm: () => Promise.reject(new Error('all is confirmed')),
    leastAgeMs: 0,
  });
  await reconciler.round();
  compared = 0;
  const measured = measuring(log);
  while (reached < size) await reconciler.round();
  // Once more over everything, as the second pass does.
  await exchange.query({ text: `UPDATE exchange.log_reconciliation SET next_leaf = 0 WHERE pass = 'new'` });
  for (reached = 0; reached < size;) await reconciler.round();
  return measured(compared);
}

async function antiJoin(log: BenchLog, owner: Database, entries: number): Promise<Cost> {
  const text = `
    SELECT count(*)::int AS missing
    FROM (SELECT event_id::uuid AS id FROM exchange.outbox) AS event
    FULL JOIN (SELECT event_id AS id FROM audit.entry JOIN audit.entry_index USING (leaf_index)
               WHERE type IN ('message-accepted', 'message-delivered')) AS leaf ON leaf.id = event.id
    WHERE leaf.id IS NULL OR event.id IS NULL`;
  const measured = measuring(log);
  for (let time = 0; time < antiJoins; time += 1) {
    const { rows } = await owner.query<{ missing: number }>({ name: 'bench.anti-join', text });
    if (rows[0]?.missing !== 0) throw new Error('nothing is missing, but the anti-join finds something');
  }
  return measured(entries * antiJoins);
}

function measuring(log: BenchLog): (entries: number) => Cost {
  const end = new CpuMeter(new Map([['postgres', log.postgresPid]]), new Set()).begin();
  const before = process.cpuUsage();
  return (entries) => {
    const { user, system } = process.cpuUsage(before);
    const { wallMs, cpuMs } = end();
    return { wallMs, services: (user + system) / entries, postgres: ((cpuMs.get('postgres') ?? 0) * 1_000) / entries };
  };
}
