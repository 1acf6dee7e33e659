import { describe, expect, it } from '@jest/globals';
import { byTopic, cpuFigures } from './figures.js';

const span = (wallMs: number, cpu: Record<string, number>) => ({ wallMs, cpuMs: new Map(Object.entries(cpu)) });

describe('CPU per message', () => {
  const figures = cpuFigures(span(2_000, { kafka: 300, audit: 100 }), span(1_000, { kafka: 50, audit: 80 }), 100);

  it('is all CPU of all processes, shared out over the messages', () => {
    expect(figures.total).toBe(4);
    expect(figures.byProcess['kafka']?.total).toBe(3);
  });

  it('above idle is without what the same time costs when nothing happens, and never below nothing', () => {
    expect(figures.byProcess['kafka']?.aboveIdle).toBe(2);
    expect(figures.byProcess['audit']?.aboveIdle).toBe(0);
    expect(figures.aboveIdle).toBe(2);
  });
});

describe('sends by topic', () => {
  it('are summed up', () => {
    const sends = [
      { topic: 'a', records: 1, bytes: 100 },
      { topic: 'b', records: 2, bytes: 300 },
      { topic: 'a', records: 3, bytes: 400 },
    ];
    expect(byTopic(sends)).toEqual({
      a: { sends: 2, records: 4, bytes: 500 },
      b: { sends: 1, records: 2, bytes: 300 },
    });
  });
});
