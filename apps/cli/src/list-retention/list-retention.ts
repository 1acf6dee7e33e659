import { indexOf, listOf, recordOf, textOf } from '../domain/answer-members.js';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type Auditor, lookBy, lookingSession } from '../infra/acting-auditor.js';
import type { HubSettings } from '../infra/hub-settings.js';
import { tableLines } from '../infra/table.js';

/** As audit's retention data have them. */
interface ListedClass {
  readonly id: string;
  readonly names: { readonly en: string };
  readonly floor: { readonly unit: string; readonly count: number } | null;
  readonly ceiling: { readonly unit: string; readonly count: number } | null;
  readonly ground: string;
  readonly confirmed: boolean;
  readonly source: string;
  readonly open?: string;
}

const periodOf = (period: ListedClass['floor']): string => (period ? `${period.count} ${period.unit}` : 'for good');

/** The classes and grounds by which audit keeps and erases. */
export async function listRetention(hub: HubSettings, auditor: Auditor): Promise<CommandOutcome> {
  const session = await lookingSession(auditor, hub);
  const answer = recordOf((await session.get('v1/audit/retention'))['data']);
  const data = answer as unknown as { version: number; classes: ListedClass[]; grounds: ListedClass[] };
  return {
    ok: true,
    data: answer,
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

/** What somebody has yet to compare with the law, class by class: for the person who does. */
export async function listUnconfirmed(hub: HubSettings, auditor: Auditor): Promise<CommandOutcome> {
  const session = await lookingSession(auditor, hub);
  const data = recordOf((await session.get('v1/audit/retention'))['data']) as unknown as { classes: ListedClass[] };
  const classes = data.classes.filter(({ confirmed }) => !confirmed);
  return {
    ok: true,
    data: { classes },
    lines:
      classes.length === 0
        ? ['Every class is confirmed.']
        : [
            ...classes.flatMap(({ id, names, floor, ceiling, ground, source, open }) => [
              `${id}: ${names.en}`,
              `  law       ${ground}`,
              `  kept      ${floor ? `${periodOf(floor)} at least, ${periodOf(ceiling)} at most` : 'for good'}`,
              `  because   ${source}`,
              `  open      ${open ?? ''}`,
            ]),
            'How a class is confirmed: docs/retention.md.',
          ],
  };
}

/** How many entries of each class are kept, may be erased, and should have been: the own agency's, or all. It is logged. */
export async function listDue(hub: HubSettings, auditor: Auditor): Promise<CommandOutcome> {
  const session = await lookingSession(auditor, hub);
  const { counts } = await session.get(`v1/audit/retention${lookBy(auditor, { count: 'true' })}`);
  const classes = listOf(counts).map((one) => ({
    class: textOf(one['class']),
    kept: indexOf(one['kept']),
    erasable: indexOf(one['erasable']),
    due: indexOf(one['due']),
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
