import { describe, expect, it } from '@jest/globals';
import { permitFigures, printed, type Round } from './permit-figures.js';

const round = (wallMs: number, consent: number, postgres: number): Round => ({
  permits: 10,
  wallMs,
  cpuMs: new Map([
    ['consent', consent],
    ['postgres', postgres],
  ]),
});

describe('figures of permits', () => {
  const figures = permitFigures([
    { stored: 10, rounds: [round(100, 50, 20), round(5_000, 50, 20), round(100, 50, 20)] },
    { stored: 1_000, rounds: [round(200, 50, 30), round(200, 60, 20), round(50, 70, 10)] },
  ]);

  it('take the median batch, so that one held up by something else does not count', () => {
    expect(figures.few.permitsPerSecond).toBe(100);
    expect(figures.many.permitsPerSecond).toBe(50);
  });

  it('tell CPU per permit by process', () => {
    expect(figures.few.cpuMsPerPermit).toEqual({ consent: 5, postgres: 2 });
    expect(figures.many.cpuMsPerPermit).toEqual({ consent: 6, postgres: 2 });
  });

  it('compare many with few', () => {
    expect(figures.ratio).toEqual({ permitsPerSecond: 0.5, cpu: 8 / 7 });
  });

  it('are printed with the ratio last', () => {
    const machine = { cores: 2, cpu: 'test', node: '22' };
    const lines = printed({ bench: 'permits', at: '', machine, batch: 10, ...figures });
    expect(lines.at(-1)).toBe('many / few: 0.50 of the permits/s, 1.14 times the CPU');
  });
});
