import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { EntryFilter, SearchEntriesRequest } from '#contracts';
import { agencyId } from '#kernel';
import { plainProposal } from '../../../apps/audit/src/append-entries/proposal.js';
import { SearchEntriesController } from '../../../apps/audit/src/search-entries/search-entries.controller.js';
import { looksOf, signedSearch } from '../../../apps/audit/src/testing/looks.fixture.js';
import { type Party, party } from '../../../apps/audit/src/testing/parties.fixture.js';
import { type Distribution, distributionOf } from '../measure/percentiles.js';
import { showProgress } from '../measure/progress.js';
import { type BenchLog, BodySource, largestAgency, subjectOf, withBenchLog } from './bench-log.js';

const entriesOfProposal = 200;
const underWay = 12;
const warmUp = 5;
const pageOf = 50;

interface Kind {
  readonly name: string;
  readonly own?: boolean;
  readonly filter: (n: number) => Partial<EntryFilter>;
}

/** `npm run bench -- search`: each kind of query over an appended log, its own log entry included. */
export async function runSearchBench(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      entries: { type: 'string', default: '1000000' },
      queries: { type: 'string', default: '100' },
      json: { type: 'string' },
    },
  });
  const entries = Number(values.entries);
  return withBenchLog(async (log) => {
    const sought = await fill(log, entries);
    const auditors = await Promise.all([party(largestAgency), party('A-TSV')]);
    const { kek } = log.ground;
    const looks = looksOf(auditors, { appender: log.audit.appender, kek });
    const search = new SearchEntriesController(log.audit.database, log.audit.openings, kek, looks);
    const figures: { kind: string; found: number; ms: Distribution | undefined }[] = [];
    for (const kind of kindsOver(entries, sought))
      figures.push(await measure({ search, auditors }, kind, Number(values.queries)));
    const { length: cores } = cpus();
    console.log(`${cores} cores, load ${loadavg()[0]!.toFixed(1)}; ${entries} entries, pages of ${pageOf}`);
    for (const { kind, found, ms } of figures)
      console.log(
        `  ${kind.padEnd(34)} p50 ${ms?.p50.toFixed(1)} ms  p99 ${ms?.p99.toFixed(1)} ms  ${found} found a page`,
      );
    if (values.json !== undefined)
      writeFileSync(values.json, `${JSON.stringify({ bench: 'search', entries, figures }, undefined, 2)}\n`);
  });
}

interface Sought {
  readonly exchangeIds: readonly string[];
  readonly messageIds: readonly string[];
  readonly middle: Date;
}

async function fill(log: BenchLog, entries: number): Promise<Sought> {
  const source = new BodySource(entries);
  const progress = showProgress('entries', entries);
  const exchangeIds: string[] = [];
  const messageIds: string[] = [];
  let proposed = 0;
  let middle = new Date();
  const caller = async (): Promise<void> => {
    while (proposed < entries) {
      const count = Math.min(entriesOfProposal, entries - proposed);
      proposed += count;
      await log.audit.appender.append(plainProposal(await log.prepare(source.some(count))));
      exchangeIds.push(source.lately.exchangeId);
      messageIds.push(source.lately.messageId);
      if (proposed <= entries / 2) middle = new Date();
      progress.done(proposed);
    }
  };
  await Promise.all(Array.from({ length: underWay }, caller));
  await log.ground.owner((client) => client.query('ANALYZE'));
  progress.end();
  return { exchangeIds, messageIds, middle };
}

function kindsOver(entries: number, { exchangeIds, messageIds, middle }: Sought): Kind[] {
  const one = (ids: readonly string[], n: number): string => ids[(n * 31) % ids.length]!;
  const subject = (n: number): string => subjectOf((n * 101) % Math.max(1, Math.floor(entries / 10)));
  return [
    { name: 'own entries, of a large agency', own: true, filter: () => ({}) },
    { name: 'own entries, by subject', own: true, filter: (n) => ({ subject: subject(n) }) },
    { name: 'own entries, by category', own: true, filter: (n) => ({ category: 1 + (n % 15) }) },
    { name: 'own entries, by outcome', own: true, filter: () => ({ code: 'CONSENT_WITHDRAWN' }) },
    { name: 'own entries, of a category not met', own: true, filter: () => ({ category: 999 }) },
    { name: 'all, by party', filter: (n) => ({ agency: agencyId(`K-${101 + (n % 60)}`) }) },
    { name: 'all, by case worker', filter: (n) => ({ worker: `w-${(n * 3 + 2) % 4_000}` }) },
    { name: 'all, by subject', filter: (n) => ({ subject: subject(n) }) },
    { name: 'all, by category', filter: (n) => ({ category: 1 + (n % 15) }) },
    { name: 'all, by basis', filter: (n) => ({ basis: `681/2023-${87 + (n % 8)}` }) },
    { name: 'all, by kind of event', filter: () => ({ type: 'message-released' }) },
    { name: 'all, by seldom kind of event', filter: () => ({ type: 'release-refused' }) },
    { name: 'all, by outcome', filter: () => ({ code: 'CONSENT_WITHDRAWN' }) },
    { name: 'all, by time', filter: () => ({ loggedFrom: middle }) },
    { name: 'all, by exchange', filter: (n) => ({ exchangeId: one(exchangeIds, n) }) },
    { name: 'all, by message', filter: (n) => ({ messageId: one(messageIds, n) }) },
  ];
}

interface Searched {
  readonly search: SearchEntriesController;
  readonly auditors: readonly Party[];
}

/** Signing is the asker's work. */
async function measure({ search, auditors }: Searched, kind: Kind, queries: number) {
  const latencies: number[] = [];
  let found = 0;
  for (let n = -warmUp; n < queries; n += 1) {
    const request = requestOf(kind, n + warmUp);
    const signed = await signedSearch(
      auditors.find(({ id }) => id === request.agency)!,
      request,
    );
    const begun = performance.now();
    const { entries } = await search.searchEntries(signed);
    if (n < 0) continue;
    latencies.push(performance.now() - begun);
    found += entries.length;
  }
  return { kind: kind.name, found: Math.round(found / queries), ms: distributionOf(latencies) };
}

const requestOf = ({ own, filter }: Kind, n: number): Omit<SearchEntriesRequest, 'look'> => ({
  agency: own ? largestAgency : agencyId('A-TSV'),
  supervising: !own,
  from: 0n,
  limit: pageOf,
  worker: '',
  cursor: '',
  filter: {
    agency: '',
    worker: '',
    subject: '',
    category: 0,
    basis: '',
    type: '',
    code: '',
    loggedFrom: undefined,
    loggedUntil: undefined,
    exchangeId: '',
    messageId: '',
    ...filter(n),
  },
});
