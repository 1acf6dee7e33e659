/** One batch. */
export interface Round {
  readonly permits: number;
  readonly wallMs: number;
  readonly cpuMs: ReadonlyMap<string, number>;
}

interface SideFigures {
  readonly stored: number;
  readonly permits: number;
  /** By the median batch: a batch that something else held up says nothing about consents. */
  readonly permitsPerSecond: number;
  readonly cpuMsPerPermit: Readonly<Record<string, number>>;
}

export interface PermitFigures {
  readonly bench: 'permits';
  readonly at: string;
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string };
  readonly batch: number;
  readonly few: SideFigures;
  readonly many: SideFigures;
  /** Of many to few: 1 when the number of stored consents costs nothing. */
  readonly ratio: { readonly permitsPerSecond: number; readonly cpu: number };
}

type Measured = { readonly stored: number; readonly rounds: readonly Round[] };

export function permitFigures([few, many]: readonly [Measured, Measured]): Pick<
  PermitFigures,
  'few' | 'many' | 'ratio'
> {
  const [fewer, more] = [sideFigures(few), sideFigures(many)];
  return {
    few: fewer,
    many: more,
    ratio: {
      permitsPerSecond: more.permitsPerSecond / fewer.permitsPerSecond,
      cpu: total(more.cpuMsPerPermit) / total(fewer.cpuMsPerPermit),
    },
  };
}

const total = (byProcess: Readonly<Record<string, number>>): number =>
  Object.values(byProcess).reduce((sum, ms) => sum + ms, 0);

function sideFigures({ stored, rounds }: Measured): SideFigures {
  const permits = rounds.reduce((sum, round) => sum + round.permits, 0);
  const names = [...new Set(rounds.flatMap(({ cpuMs }) => [...cpuMs.keys()]))];
  const perSecond = rounds.map((round) => round.permits / (round.wallMs / 1_000)).sort((a, b) => a - b);
  return {
    stored,
    permits,
    permitsPerSecond: perSecond[Math.floor(perSecond.length / 2)] ?? NaN,
    cpuMsPerPermit: Object.fromEntries(
      names.map((name) => [name, rounds.reduce((sum, { cpuMs }) => sum + (cpuMs.get(name) ?? 0), 0) / permits]),
    ),
  };
}

const side = ({ stored, permits, permitsPerSecond, cpuMsPerPermit }: SideFigures): string => {
  const cpu = Object.entries(cpuMsPerPermit).map(([name, ms]) => `${name} ${ms.toFixed(2)}`);
  return `  ${String(stored).padStart(9)} consents stored: ${permitsPerSecond.toFixed(0)} permits/s; CPU ms per permit: ${cpu.join(', ')} (${permits} permits)`;
};

/** What a person reads, line by line. */
export const printed = (figures: PermitFigures): string[] => [
  `permits in batches of ${figures.batch}, each with a use counted, on ${figures.machine.cores} cores (${figures.machine.cpu}), Node ${figures.machine.node}`,
  side(figures.few),
  side(figures.many),
  `many / few: ${figures.ratio.permitsPerSecond.toFixed(2)} of the permits/s, ${figures.ratio.cpu.toFixed(2)} times the CPU`,
];
