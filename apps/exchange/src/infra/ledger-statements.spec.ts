import { describe, expect, it } from '@jest/globals';
import { joinWrites, ledgerWrites } from './ledger-statements.js';

describe('writes of one flush as one statement', () => {
  it('give each write its own values, in their order', () => {
    const joined = joinWrites([
      { write: 'deleteBodies', values: [['a']] },
      { write: 'awaitReceipts', values: [['e'], ['K-235'], ['{}']] },
    ]);
    expect(joined.values).toEqual([['a'], ['e'], ['K-235'], ['{}']]);
    expect(joined.text).toContain('manifest_hash = ANY($1::text[])');
    expect(joined.text).toContain('unnest($2::text[], $3::text[], $4::text[])');
  });

  it('have a name for each combination that PostgreSQL does not cut', () => {
    const all = (Object.keys(ledgerWrites) as (keyof typeof ledgerWrites)[]).map((write) => ({ write, values: [] }));
    const names = all.map((_, count) => joinWrites(all.slice(count)).name);
    expect(new Set(names).size).toBe(all.length);
    expect(Math.max(...names.map(({ length }) => length))).toBeLessThanOrEqual(63);
  });
});
