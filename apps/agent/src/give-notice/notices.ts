import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '#kernel';

/** Words of the page that the client reads beside the notice itself. */
export const labelNames = [
  'proposalTitle',
  'agreedTitle',
  'accountTitle',
  'person',
  'asks',
  'decides',
  'purpose',
  'what',
  'from',
  'to',
  'yes',
  'no',
  'dataPeriod',
  'validUntil',
  'untilPlanEnds',
  'uses',
  'once',
  'repeated',
  'atMost',
  'perDay',
  'perWeek',
  'perMonth',
  'perYear',
  'answerBy',
  'lawAnyway',
  'callToWithdraw',
  'signature',
  'date',
  'interpreter',
  'reference',
  'state',
  'active',
  'ended',
  'opened',
  'openedBy',
  'when',
  'basis',
  'consent',
  'law',
  'nothingYet',
  'withheld',
] as const;
export type Label = (typeof labelNames)[number];

/** What a client is told before deciding, in one language and one version. Once given to anybody it never changes. */
export interface Notice {
  readonly version: string;
  /** BCP 47. */
  readonly language: string;
  /** The language's own name. */
  readonly name: string;
  readonly direction: 'ltr' | 'rtl';
  /** Days from which and to which it is given to clients; it stays readable afterwards. */
  readonly validFrom: string;
  readonly validTo: string | null;
  /** Originals are true; a translation is false until a translator has checked it. */
  readonly checked: boolean;
  readonly paragraphs: readonly string[];
  readonly labels: Readonly<Record<Label, string>>;
  /** Categories and purposes in plain words, by number and code. */
  readonly categories: Readonly<Record<string, string>>;
  readonly purposes: Readonly<Record<string, string>>;
}

/** The notices that came with the program, by version and language. */
export class Notices {
  private constructor(private readonly all: readonly Notice[]) {}

  /** @throws AppError CONFIG_INVALID with every fault of every file */
  static read(folder: string): Notices {
    const faults: string[] = [];
    const notices = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name: version }) =>
        readdirSync(join(folder, version))
          .filter((file) => file.endsWith('.json'))
          .map((file): Notice => {
            const value: unknown = JSON.parse(readFileSync(join(folder, version, file), 'utf8'));
            faults.push(
              ...faultsOf(value, version, file.slice(0, -'.json'.length)).map(
                (fault) => `${version}/${file}: ${fault}`,
              ),
            );
            return value as Notice;
          }),
      );
    if (faults.length > 0) throw new AppError('CONFIG_INVALID', faults.join('; '), { violations: faults });
    return new Notices(notices);
  }

  /** Those given to clients on that day. */
  current(day: string): Notice[] {
    return this.all.filter(({ validFrom, validTo }) => validFrom <= day && (validTo === null || day <= validTo));
  }

  /** @throws AppError NOTICE_UNKNOWN */
  inForce(language: string, day: string): Notice {
    const found = this.current(day).find((notice) => notice.language === language);
    if (!found) throw new AppError('NOTICE_UNKNOWN', undefined, { language });
    return found;
  }

  /** Of any time: what a client was once told stays readable. */
  find(language: string, version: string): Notice | undefined {
    return this.all.find((notice) => notice.language === language && notice.version === version);
  }

  /** @throws AppError NOTICE_UNKNOWN */
  get(language: string, version: string): Notice {
    const found = this.find(language, version);
    if (!found) throw new AppError('NOTICE_UNKNOWN', undefined, { language, version });
    return found;
  }

  list(): readonly Notice[] {
    return this.all;
  }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
const isDay = (value: unknown): boolean => typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value);
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function faultsOf(value: unknown, version: string, language: string): string[] {
  if (!isRecord(value)) return ['is no notice'];
  const labels = isRecord(value['labels']) ? value['labels'] : {};
  const words = (name: 'categories' | 'purposes'): boolean =>
    isRecord(value[name]) && Object.values(value[name]).every(isText);
  const checks: readonly [string, boolean][] = [
    ['version', value['version'] === version],
    ['language', value['language'] === language],
    ['name', isText(value['name'])],
    ['direction', value['direction'] === 'ltr' || value['direction'] === 'rtl'],
    ['validFrom', isDay(value['validFrom'])],
    ['validTo', value['validTo'] === null || isDay(value['validTo'])],
    ['checked', typeof value['checked'] === 'boolean'],
    [
      'paragraphs',
      Array.isArray(value['paragraphs']) && value['paragraphs'].length > 0 && value['paragraphs'].every(isText),
    ],
    ['categories', words('categories')],
    ['purposes', words('purposes')],
    ...labelNames.map((name): [string, boolean] => [`labels.${name}`, isText(labels[name])]),
  ];
  return checks.filter(([, right]) => !right).map(([name]) => name);
}
