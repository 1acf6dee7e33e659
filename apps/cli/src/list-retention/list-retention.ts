import type { CommandOutcome } from '../domain/command-outcome.js';
import { withAudit } from '../infra/operator-calls.js';
import { tableLines } from '../infra/table.js';

/** As audit's retention data have them. */
interface ListedClass {
  readonly id: string;
  readonly names: { readonly en: string };
  readonly floor: { readonly unit: string; readonly count: number } | null;
  readonly ceiling: { readonly unit: string; readonly count: number } | null;
  readonly ground: string;
  readonly confirmed: boolean;
}

const countDeadlineMs = 60_000;
const periodOf = (period: ListedClass['floor']): string => (period ? `${period.count} ${period.unit}` : 'for good');

/** The classes and grounds by which audit keeps and erases. */
export async function listRetention(audit: string): Promise<CommandOutcome> {
  const { dataJson } = await withAudit(audit, (client) => client.listRetention({ count: false }));
  const data = JSON.parse(dataJson) as { version: number; classes: ListedClass[]; grounds: ListedClass[] };
  return {
    ok: true,
    data,
    lines: [
      `Retention data, version ${data.version}. “(?)”: nobody has compared it with the law yet.`,
      ...tableLines(
        ['class', 'what', 'kept at least', 'at most', 'ground'],
        data.classes.map(({ id, names, floor, ceiling, ground, confirmed }) => [
          id,
          names.en,
          periodOf(floor),
          floor ? periodOf(ceiling) : '',
          confirmed ? ground : `${ground} (?)`,
        ]),
      ),
      ...tableLines(
        ['ground for erasure', 'what', 'law'],
        data.grounds.map(({ id, names, ground, confirmed }) => [id, names.en, confirmed ? ground : `${ground} (?)`]),
      ),
    ],
  };
}

/** How many entries of each class are kept, may be erased, and should have been. */
export async function listDue(audit: string): Promise<CommandOutcome> {
  const { counts } = await withAudit(audit, (client) =>
    client.listRetention({ count: true }, { deadlineMs: countDeadlineMs }),
  );
  const classes = counts.map(({ classId, kept, erasable, due }) => ({
    class: classId,
    kept: Number(kept),
    erasable: Number(erasable),
    due: Number(due),
  }));
  return {
    ok: true,
    data: { classes },
    lines: tableLines(
      ['class', 'kept', 'erasable', 'due'],
      classes.map((one) => [one.class, String(one.kept), String(one.erasable), String(one.due)]),
    ),
  };
}
