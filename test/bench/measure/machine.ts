import { cpus, loadavg } from 'node:os';

/** On what a figure was measured, and how busy it was with other things when it began. */
export const machine = (): { readonly at: string; readonly machine: Record<string, string | number> } => ({
  at: new Date().toISOString(),
  machine: {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? '',
    node: process.versions.node,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  },
});

export function machineLine(): string {
  const { cores, cpu, node, load } = machine().machine;
  return `${cores} × ${cpu}, Node ${node}, load ${load}`;
}
