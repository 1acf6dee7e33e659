import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dayInHelsinki, startOfDay } from '#calendar';
import { AppError, type PartyKind, partyKinds } from '#kernel';

interface Provided {
  readonly provision: string;
  /** False until somebody has compared the provision with the law. */
  readonly confirmed: boolean;
}

export interface ReportRefusalGround extends Provided {
  readonly code: string;
  readonly fi: string;
  readonly sv: string;
  readonly en: string;
}

interface RulesFile {
  readonly staffNames: readonly (Provided & { readonly kind: PartyKind })[];
  readonly reasons: readonly (Provided & { readonly kind: PartyKind; readonly olderThanYears: number })[];
  readonly refusals: readonly ReportRefusalGround[];
}

/** What the law says about the client's account: data that came with the program. */
export class ReportRules {
  private constructor(private readonly rules: RulesFile) {}

  /** @throws AppError CONFIG_INVALID with every fault */
  static read(folder: string): ReportRules {
    const value: unknown = JSON.parse(readFileSync(join(folder, 'rules.json'), 'utf8'));
    const faults = faultsOf(value);
    if (faults.length > 0) throw new AppError('CONFIG_INVALID', faults.join('; '), { violations: faults });
    return new ReportRules(value as RulesFile);
  }

  /** Does the client get the names of this agency's staff, in the account of the agency's own log? */
  namesStaff(kind: PartyKind): boolean {
    return this.rules.staffNames.some((rule) => rule.kind === kind);
  }

  /** From when on an account of this agency's own log goes without a reason; undefined: as far as there is anything. */
  withoutReasonFrom(kind: PartyKind, now: Date): Date | undefined {
    const years = this.rules.reasons.find((rule) => rule.kind === kind)?.olderThanYears;
    return years === undefined ? undefined : startOfDay(yearsBefore(dayInHelsinki(now), years));
  }

  ground(code: string): ReportRefusalGround | undefined {
    return this.rules.refusals.find((ground) => ground.code === code);
  }

  /** Codes of the grounds. */
  get grounds(): readonly string[] {
    return this.rules.refusals.map(({ code }) => code);
  }
}

const yearsBefore = (day: string, years: number): string => {
  const [year = 0, ...rest] = day.split('-');
  const earlier = [String(Number(year) - years), ...rest].join('-');
  // The 29th of February has no anniversary in most years.
  return earlier.endsWith('-02-29') ? earlier.replace('-02-29', '-02-28') : earlier;
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isPartyKind = (value: unknown): boolean => (partyKinds as readonly unknown[]).includes(value);
const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';

function faultsOf(value: unknown): string[] {
  if (!isRecord(value)) return ['is no object'];
  const each = (name: string, check: (rule: Record<string, unknown>) => boolean): string[] => {
    const list = value[name];
    if (!Array.isArray(list)) return [`${name}: is no list`];
    return list.flatMap((rule: unknown, at) =>
      isRecord(rule) && isText(rule['provision']) && typeof rule['confirmed'] === 'boolean' && check(rule)
        ? []
        : [`${name}[${at}]`],
    );
  };
  return [
    ...each('staffNames', ({ kind }) => isPartyKind(kind)),
    ...each('reasons', ({ kind, olderThanYears: years }) => isPartyKind(kind) && Number.isInteger(years)),
    ...each(
      'refusals',
      ({ code, fi, sv, en }) => isText(code) && /^[a-z][a-z-]*$/.test(code) && [fi, sv, en].every(isText),
    ),
  ];
}
