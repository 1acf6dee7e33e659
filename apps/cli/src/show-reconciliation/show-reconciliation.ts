import { indexOf, listOf, textIn, textOf } from '../domain/answer-members.js';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type Auditor, lookBy, lookingSession } from '../infra/acting-auditor.js';
import type { HubSettings } from '../infra/hub-settings.js';
import { tableLines } from '../infra/table.js';

/** Whether every event of the hub's services has its leaf and every leaf its event, and how far that is known. The look is logged. */
export async function showReconciliation(hub: HubSettings, auditor: Auditor): Promise<CommandOutcome> {
  const session = await lookingSession(auditor, hub);
  return outcomeOf(await session.get(`v1/audit/reconciliation${lookBy(auditor)}`));
}

/** A check that has failed where something is open, or where a service does not compare. */
export function outcomeOf(answer: Record<string, unknown>): CommandOutcome {
  const size = indexOf(answer['size']);
  const openCount = indexOf(answer['openCount']);
  const producers = listOf(answer['producers']).map((one) => ({
    producer: textOf(one['producer']),
    upTo: indexOf(one['upTo']),
    compared: indexOf(one['compared']),
    overdue: indexOf(one['overdue']),
    setAside: indexOf(one['setAside']),
    reportedAt: textIn(one['reportedAt']),
    silent: one['silent'] === true,
  }));
  const differences = listOf(answer['differences']).map((one) => ({
    producer: textOf(one['producer']),
    kind: textOf(one['kind']),
    eventId: textIn(one['eventId']),
    leafIndex: one['leafIndex'] === undefined ? undefined : indexOf(one['leafIndex']),
    type: textIn(one['type']),
    manifestHash: textIn(one['manifestHash']),
    foundAt: textOf(one['foundAt']),
    alert: textOf(one['alert']),
  }));
  const silent = producers.filter((one) => one.silent);
  const head = ['service', 'compared up to leaf', 'entries compared', 'overdue', 'refused', 'last report'];
  const rows = producers.map((one) => [
    one.producer,
    `${one.upTo} of ${size}`,
    String(one.compared),
    String(one.overdue),
    String(one.setAside),
    `${one.reportedAt ?? 'never'}${one.silent ? ' (silent)' : ''}`,
  ]);
  return {
    ok: openCount === 0 && silent.length === 0,
    data: { size, producers, openCount, differences },
    lines: [
      ...tableLines(head, rows),
      ...silent.map(({ producer }) => `SILENT ${producer}: nobody has held it against the log lately`),
      ...differences.map(lineOf),
      openCount === 0
        ? 'Every event that was compared has its leaf, and every leaf its event.'
        : `${openCount} differences are open.`,
    ],
  };
}

interface Difference {
  readonly producer: string;
  readonly kind: string;
  readonly eventId: string | undefined;
  readonly leafIndex: number | undefined;
  readonly type: string | undefined;
  readonly manifestHash: string | undefined;
  readonly alert: string;
}

function lineOf({ kind, producer, eventId, leafIndex, type, manifestHash, alert }: Difference): string {
  const about = [
    type,
    eventId !== undefined && `event ${eventId}`,
    leafIndex !== undefined && `leaf ${leafIndex}`,
    manifestHash !== undefined && `message ${manifestHash}`,
  ];
  return `DIFFERENCE ${kind} ${producer} ${about.filter(Boolean).join(', ')}; alert ${alert}`;
}
