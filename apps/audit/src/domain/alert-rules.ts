import type { BreakGlassRule } from './break-glass.js';

/** What each rule of an alert has, whoever raises it. */
export interface NamedRule {
  readonly id: string;
  readonly names: { readonly fi: string; readonly sv: string; readonly en: string };
  /** Who has to end its alerts: the agency whose worker it is, or the supervising authorities. */
  readonly owner: 'agency' | 'supervising';
  /** By what an alert ends: its owner's signed act with a reason, or the review of what was done. */
  readonly end: 'act' | 'review';
  readonly source: string;
}

/** A rule of unusual access, as data. Counts by agency and case worker's pseudonym; no rule looks at a name. */
export interface AlertRule extends NamedRule {
  /** What is counted: entries, or the different subjects that they are about. */
  readonly measure: 'entries' | 'subjects';
  readonly types: readonly string[];
  /** Only entries outside these hours of a working day; weekends count as outside. Local time. */
  readonly outside?: { readonly fromHour: number; readonly untilHour: number };
  readonly windowMinutes: number;
  /** Raised from so many on. */
  readonly threshold: number;
}

export interface AlertRules {
  readonly version: number;
  readonly timeZone: string;
  readonly rules: readonly AlertRule[];
  /** Of what the hub's services find of the log and their own records (decision 0037). */
  readonly logDifference: NamedRule;
  readonly breakGlass: BreakGlassRule & NamedRule;
}

/** The rule by which an alert was raised; none where the rules have it no more. */
export const ruleNamed = ({ rules, logDifference, breakGlass }: AlertRules, id: string): NamedRule | undefined =>
  [...rules, logDifference, breakGlass].find((rule) => rule.id === id);

export interface AlertWindow {
  readonly from: Date;
  readonly to: Date;
}

const MINUTE_MS = 60_000;

/** The window in which a moment lies, and the one before it, in which late entries may still come. Counted from the epoch in UTC. */
export function windowsAt(now: Date, { windowMinutes }: Pick<AlertRule, 'windowMinutes'>): AlertWindow[] {
  const length = windowMinutes * MINUTE_MS;
  const begin = Math.floor(now.getTime() / length) * length;
  return [begin - length, begin].map((from) => ({ from: new Date(from), to: new Date(from + length) }));
}

export type AlertState = 'raised' | 'acknowledged' | 'closed';

/** What an act makes of an alert; undefined where it cannot be done any more. */
export function afterAct(state: AlertState, act: 'acknowledge' | 'close'): AlertState | undefined {
  if (state === 'closed') return undefined;
  if (act === 'close') return 'closed';
  return state === 'raised' ? 'acknowledged' : undefined;
}
