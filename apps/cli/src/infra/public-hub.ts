import { setTimeout as delay } from 'node:timers/promises';
import { logKeysFile } from '#envelope';
import { AppError, isErrorCode } from '#kernel';

const mostTries = 6;
const longestWaitS = 10;

export interface ListedAgency {
  readonly id: string;
  readonly status: string;
}

/** What the hub's edge answers to anybody: the log, the directory, and to key records, which prove themselves. */
export class PublicHub {
  constructor(private readonly gatewayUrl: string) {}

  /** The newest checkpoint, a signed note. */
  async checkpoint(): Promise<string> {
    const { checkpoint } = await this.get('v1/log/checkpoint');
    if (typeof checkpoint !== 'string') throw unexpected();
    return checkpoint;
  }

  /** The newest checkpoint that enough witnesses cosigned; undefined where there is none. */
  async cosigned(): Promise<string | undefined> {
    return (await this.file('checkpoint.cosigned'))?.toString('utf8');
  }

  /** How the log's keys follow from each other; undefined where it shows none. */
  keys(): Promise<Buffer | undefined> {
    return this.file(logKeysFile);
  }

  /** A tile of the published log by its path; undefined where it is not shown. */
  tile(path: string): Promise<Buffer | undefined> {
    return this.file(path);
  }

  private async file(name: string): Promise<Buffer | undefined> {
    const response = await patiently(() => fetch(new URL(`log/${name}`, withSlash(this.gatewayUrl))));
    if (response.status === 404) return undefined;
    if (!response.ok) throw refusalOf(response.status, undefined);
    return Buffer.from(await response.arrayBuffer());
  }

  /** Entries from an index on to before another, perhaps fewer. */
  async entries(from: number, to: number): Promise<Buffer[]> {
    const { entries } = await this.get(`v1/log/entries?from=${from}&to=${to}`);
    if (!Array.isArray(entries)) throw unexpected();
    return entries.map((entry: unknown) => {
      if (typeof entry !== 'string') throw unexpected();
      return Buffer.from(entry, 'base64');
    });
  }

  async agencies(): Promise<ListedAgency[]> {
    const { agencies } = await this.get('v1/directory/agencies');
    if (!Array.isArray(agencies)) throw unexpected();
    return agencies as ListedAgency[];
  }

  /** What agencies, categories and purposes are called; what has no name is called by its code. */
  async names(language: 'fi' | 'sv' | 'en'): Promise<{
    readonly agencyName: (agency: string) => string;
    readonly categoryName: (category: number) => string;
    readonly purposeName: (purpose: string) => string;
  }> {
    const [{ agencies }, { json }] = await Promise.all([
      this.get('v1/directory/agencies'),
      this.get('v1/directory/catalogue'),
    ]);
    const { categories, purposes } = JSON.parse(typeof json === 'string' ? json : '{}') as Record<string, unknown>;
    const named = new Map(
      recordsIn(agencies).map(({ id, nameFi, nameSv }) => [id, (language === 'sv' && nameSv) || nameFi || id]),
    );
    const called = (list: unknown, key: string): Map<unknown, unknown> =>
      new Map(
        recordsIn(list).map((one) => [one[key], (one['names'] as Record<string, unknown> | undefined)?.[language]]),
      );
    const [byNumber, byCode] = [called(categories, 'number'), called(purposes, 'code')];
    const textOr = (value: unknown, code: string): string => (typeof value === 'string' && value !== '' ? value : code);
    return {
      agencyName: (agency) => textOr(named.get(agency), agency),
      categoryName: (category) => textOr(byNumber.get(category), String(category)),
      purposeName: (purpose) => textOr(byCode.get(purpose), purpose),
    };
  }

  /** @throws AppError with the directory's code */
  async publishKeys(records: readonly string[]): Promise<void> {
    await this.ask('v1/onboarding/keys', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ records }),
    });
  }

  /** @throws AppError with the directory's code */
  async revokeKey(revocation: string): Promise<void> {
    await this.ask('v1/keys/revocations', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ revocation }),
    });
  }

  private get(path: string): Promise<Record<string, unknown>> {
    return this.ask(path, { headers: { accept: 'application/json' } });
  }

  private ask(path: string, request: RequestInit): Promise<Record<string, unknown>> {
    const url = new URL(path, withSlash(this.gatewayUrl));
    return answerOf(() => fetch(url, request));
  }
}

const recordsIn = (list: unknown): Record<string, unknown>[] =>
  Array.isArray(list)
    ? list.filter((one): one is Record<string, unknown> => typeof one === 'object' && one !== null)
    : [];

/** The JSON of an answer. @throws AppError with the problem's code; UNAVAILABLE when nothing answers */
export async function answerOf(ask: () => Promise<Response>): Promise<Record<string, unknown>> {
  const response = await patiently(ask);
  const body = (await response.json().catch(() => undefined)) as Record<string, unknown> | undefined;
  if (response.ok && typeof body === 'object' && body !== null) return body;
  throw refusalOf(response.status, body);
}

/**
 * Asks again where the hub says when: reading the log and publishing the same records may be repeated.
 * @throws AppError UNAVAILABLE when nothing answers
 */
export async function patiently(ask: () => Promise<Response>): Promise<Response> {
  for (let tries = 1; ; tries += 1) {
    const response = await ask().catch((cause: unknown) => {
      if (cause instanceof AppError) throw cause;
      throw new AppError('UNAVAILABLE', 'The hub does not answer at this address.', {}, { cause });
    });
    const mayRepeat = response.status === 429 || response.status === 503;
    if (!mayRepeat || tries === mostTries) return response;
    await response.body?.cancel();
    const seconds = Number(response.headers.get('retry-after'));
    await delay(1_000 * Math.min(seconds > 0 ? seconds : 1, longestWaitS));
  }
}

export function refusalOf(status: number, problem: Record<string, unknown> | undefined): AppError {
  const { code, detail } = problem ?? {};
  if (isErrorCode(code)) return new AppError(code, typeof detail === 'string' ? detail : undefined);
  return new AppError(status === 401 ? 'UNAUTHENTICATED' : status < 500 ? 'MALFORMED' : 'UNAVAILABLE');
}

/** A gateway below a path keeps it. */
export const withSlash = (url: string): string => (url.endsWith('/') ? url : `${url}/`);

const unexpected = (): AppError => new AppError('UNAVAILABLE', 'The hub answered in an unknown shape.');
