import type { PostgresWork } from '../measure/postgres-work.js';
import { type ExchangeFigures, type TopicFigures } from './figures.js';
import { stages } from './stage-times.js';

const NAME = 22;
const FIGURE = 12;

/** What a person reads, line by line. */
export function printed(figures: ExchangeFigures): string[] {
  const { messages, floor, ratio, cpuMsPerMessage } = figures;
  return [
    `${figures.exchanges} exchanges, ${figures.inFlight} in flight, on ${figures.machine.cores} cores (${figures.machine.cpu}), Node ${figures.machine.node}`,
    `${messages} messages in ${figures.seconds.toFixed(1)} s: ${figures.messagesPerSecond.toFixed(1)} messages/s; ${outcomes(figures)}`,
    '',
    row('ms since sealed', ['p50', 'p99', 'max']),
    ...stages.map((stage) => {
      const times = figures.stages[stage];
      return row(stage, times ? [times.p50, times.p99, times.max].map((ms) => ms.toFixed(0)) : ['-', '-', '-']);
    }),
    '',
    row('CPU ms per message', ['pipeline', 'above idle', 'floor']),
    ...Object.entries(cpuMsPerMessage.byProcess).map(([name, { total, aboveIdle }]) =>
      row(name, [
        total.toFixed(2),
        aboveIdle.toFixed(2),
        floor.cpuMsPerMessage.byProcess[name]?.total.toFixed(2) ?? '',
      ]),
    ),
    row("floor's client", ['', '', floor.cpuMsPerMessage.byProcess["floor's client"]?.total.toFixed(2) ?? '']),
    row('all', [
      cpuMsPerMessage.total.toFixed(2),
      cpuMsPerMessage.aboveIdle.toFixed(2),
      floor.cpuMsPerMessage.total.toFixed(2),
    ]),
    '',
    row('per message', ['sends', 'records', 'bytes']),
    ...Object.entries(figures.work.kafka).map(([topic, sent]) => topicRow(topic, sent, messages)),
    topicRow('floor', floor.kafka, messages),
    '',
    row('per message', ['commits', 'read-only', 'log bytes', 'log syncs']),
    ...Object.entries(figures.work.postgres).map(([name, work]) => postgresRow(name, work, messages)),
    ...Object.entries(floor.postgres).map(([name, work]) => postgresRow(`floor ${name}`, work, messages)),
    '',
    `floor (these sends and commits with these bytes, nothing in between): ${floor.messagesPerSecond.toFixed(1)} messages/s, ${floor.cpuMsPerMessage.total.toFixed(2)} ms of CPU each`,
    `pipeline / floor: ${ratio.cpu.toFixed(1)} times the CPU, ${ratio.time.toFixed(1)} times the time`,
  ];
}

const row = (name: string, figures: readonly string[]): string =>
  `  ${name.padEnd(NAME)}${figures.map((figure) => figure.padStart(FIGURE)).join('')}`;

const topicRow = (name: string, { sends, records, bytes }: TopicFigures, messages: number): string =>
  row(name, [(sends / messages).toFixed(2), (records / messages).toFixed(2), (bytes / messages).toFixed(0)]);

const postgresRow = (name: string, work: PostgresWork, messages: number): string =>
  row(name, [
    (work.writes / messages).toFixed(2),
    ((work.transactions - work.writes) / messages).toFixed(2),
    (work.walBytes / messages).toFixed(0),
    (work.walSyncs / messages).toFixed(2),
  ]);

const outcomes = ({ outcomes: counts }: ExchangeFigures): string =>
  Object.entries(counts)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ');
