import Table from 'cli-table3';

/** A table without colours, so that it may be piped. */
export function tableLines(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const table = new Table({ head: [...head], style: { head: [], border: [] } });
  table.push(...rows.map((row) => [...row]));
  return table.toString().split('\n');
}
