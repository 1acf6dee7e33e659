import { type Dispatcher, Pool } from 'undici';
import { AppError, isErrorCode } from '#kernel';

/** Longer than the longest poll (25 s) by what a busy edge may need. */
const ANSWER_TIMEOUT_MS = 40_000;
const MAX_RETRY_AFTER_S = 300;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly text: string;
}

export interface HttpQuestion {
  readonly method: 'GET' | 'POST';
  /** Path with query. */
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** Connections to one origin; requests share them, so that a long poll never holds up a post. */
export class HubHttp {
  private readonly pool: Pool;

  constructor(
    readonly origin: string,
    connections = 16,
  ) {
    this.pool = new Pool(new URL(origin).origin, {
      connections,
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
      connectTimeout: 5_000,
    });
  }

  /** @throws AppError UNAVAILABLE when nothing answers; an answer of any status is returned */
  async ask(question: HttpQuestion): Promise<HttpAnswer> {
    try {
      const { statusCode, headers, body } = await this.pool.request({
        method: question.method,
        path: question.path,
        ...(question.headers === undefined ? {} : { headers: question.headers }),
        ...(question.body === undefined ? {} : { body: question.body }),
        ...(question.signal === undefined ? {} : { signal: question.signal }),
      });
      return { status: statusCode, headers, text: await body.text() };
    } catch (cause) {
      throw new AppError('UNAVAILABLE', 'the hub does not answer', {}, { cause });
    }
  }

  close(): Promise<void> {
    return this.pool.destroy();
  }
}

export const headerOf = (answer: HttpAnswer, name: string): string | undefined => {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/** The answer's JSON. @throws AppError with the problem's code, and `retryAfter` in seconds where the hub names it */
export function jsonOf(answer: HttpAnswer): unknown {
  const value = parsed(answer.text);
  if (answer.status < 400) return value;
  throw refusalOf(answer, value);
}

function refusalOf(answer: HttpAnswer, problem: unknown): AppError {
  const code = member(problem, 'code');
  const detail = member(problem, 'detail');
  const seconds = Number(headerOf(answer, 'retry-after'));
  const known = isErrorCode(code) ? code : fallbackCode(answer.status);
  return new AppError(known, typeof detail === 'string' ? detail : undefined, {
    ...(seconds > 0 ? { retryAfter: Math.min(seconds, MAX_RETRY_AFTER_S) } : {}),
    ...(member(problem, 'final') === true ? { final: true } : {}),
  });
}

const fallbackCode = (status: number) =>
  status === 401 ? 'UNAUTHENTICATED' : status === 429 ? 'RATE_LIMITED' : status < 500 ? 'MALFORMED' : 'UNAVAILABLE';

export const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
