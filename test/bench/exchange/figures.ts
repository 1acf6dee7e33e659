import type { CpuSpan } from '../measure/cpu-meter.js';
import type { KafkaSend } from '../measure/kafka-sends.js';
import type { PostgresWork } from '../measure/postgres-work.js';
import type { StageTimes } from './stage-times.js';

/** CPU per message, in milliseconds. */
export interface CpuFigures {
  readonly total: number;
  /** Without what the same processes use in that time when nothing happens. */
  readonly aboveIdle: number;
  readonly byProcess: Readonly<Record<string, { readonly total: number; readonly aboveIdle: number }>>;
}

export interface TopicFigures {
  readonly sends: number;
  readonly records: number;
  readonly bytes: number;
}

/** What `--json` writes. Rates are per second, times in milliseconds. */
export interface ExchangeFigures {
  readonly bench: 'exchange';
  readonly at: string;
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string };
  readonly exchanges: number;
  readonly inFlight: number;
  readonly warmUp: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly messages: number;
  readonly seconds: number;
  readonly messagesPerSecond: number;
  readonly stages: StageTimes;
  readonly cpuMsPerMessage: CpuFigures;
  readonly idleCpuMsPerSecond: Readonly<Record<string, number>>;
  readonly work: {
    readonly kafka: Readonly<Record<string, TopicFigures>>;
    readonly postgres: Readonly<Record<string, PostgresWork>>;
  };
  readonly floor: {
    readonly seconds: number;
    readonly messagesPerSecond: number;
    readonly cpuMsPerMessage: CpuFigures;
    readonly kafka: TopicFigures;
    readonly postgres: Readonly<Record<string, PostgresWork>>;
  };
  /** Pipeline over floor: how many times as much CPU, how many times as long. */
  readonly ratio: { readonly cpu: number; readonly time: number };
}

/** @param idle a span of the same processes in which nothing happened */
export function cpuFigures(span: CpuSpan, idle: CpuSpan, messages: number): CpuFigures {
  const byProcess = Object.fromEntries(
    [...span.cpuMs].map(([name, ms]) => {
      const idleMs = ((idle.cpuMs.get(name) ?? 0) / idle.wallMs) * span.wallMs;
      return [name, { total: ms / messages, aboveIdle: Math.max(0, ms - idleMs) / messages }];
    }),
  );
  const sum = (of: 'total' | 'aboveIdle'): number =>
    Object.values(byProcess).reduce((total, process) => total + process[of], 0);
  return { total: sum('total'), aboveIdle: sum('aboveIdle'), byProcess };
}

export function byTopic(sends: readonly KafkaSend[]): Record<string, TopicFigures> {
  const topics: Record<string, TopicFigures> = {};
  for (const { topic, records, bytes } of sends) {
    const so = topics[topic] ?? { sends: 0, records: 0, bytes: 0 };
    topics[topic] = { sends: so.sends + 1, records: so.records + records, bytes: so.bytes + bytes };
  }
  return topics;
}

export function countBy(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
