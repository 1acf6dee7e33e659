import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const sourcesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.(spec|fixture)\.ts$/.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
const sources = [...sourcesBelow('apps'), ...sourcesBelow('libs')];
const page = readFileSync('docs/metrics.md', 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| `'));

describe('the page of metrics', () => {
  it('has every metric of our own, and no other', () => {
    const shown = sources
      .filter((source) => /new (Gauge|Counter|Histogram|Summary)\(/.test(source))
      .flatMap((source) => [...source.matchAll(/(?:name: |GAUGE = )'([a-z_]+)'/g)].map(([, name]) => name));
    expect(rows.map((row) => row.split('`')[1]).sort()).toEqual([...new Set(shown)].sort());
  });

  it('says of each from when on somebody is woken', () => {
    for (const row of rows) expect(row.split('|').at(-2)?.trim()).not.toBe('');
  });

  it('finds in each service with an outbox how long that is held back', () => {
    const services = sources.filter((source) => source.includes('...messagingProviders('));
    expect(services).toHaveLength(4);
    for (const source of services) expect(source).toContain('watchOutbox(');
  });
});
