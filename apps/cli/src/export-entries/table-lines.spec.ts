import { parse } from 'csv-parse/sync';
import { describe, expect, it } from '@jest/globals';
import { agencyId } from '#kernel';
import { SmallLog } from '../testing/small-log.fixture.js';
import { tableLine } from './table-lines.js';

const loggedAt = '2026-11-22T10:00:00.000Z';

describe('a line of the table', () => {
  it('ends as RFC 4180 says and has as many fields as the header', () => {
    const line = tableLine(new SmallLog().addPlaced({ categories: [9, 12] }, loggedAt));
    expect(line.endsWith('\r\n')).toBe(true);
    const [head = [], cells = []] = parse(`${tableLine()}${line}`);
    expect(cells).toHaveLength(head.length);
    expect(cells[head.indexOf('categories')]).toBe('9 12');
  });

  it('has no cell that a spreadsheet takes for a formula', () => {
    for (const worker of ['-2-3', '-cmd'] as const) {
      const line = tableLine(new SmallLog().addPlaced({ actor: { agency: agencyId('K-235'), worker } }, loggedAt));
      const cells = parse(line)[0] ?? [];
      expect(cells.filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([]);
    }
  });
});
