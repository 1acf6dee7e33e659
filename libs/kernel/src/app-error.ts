import { type ErrorCode, adviceOf, statusOf } from './error-codes.js';

/** Members that explain one occurrence: identifiers and field names. Never content, identity codes, keys or tokens. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** An expected failure with a stable code. `detail` is for people and never carries personal data. */
export class AppError extends Error {
  override readonly name = 'AppError';

  constructor(
    readonly code: ErrorCode,
    readonly detail: string = adviceOf(code),
    readonly details: ErrorDetails = {},
    options?: { cause?: unknown },
  ) {
    super(`${code}: ${detail}`, options);
  }

  get status(): number {
    return statusOf(this.code);
  }
}

/** Problem details as of RFC 9457; `code` is the stable extension member. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly [member: string]: unknown;
}

export const problemOf = (error: AppError): Problem => ({
  ...error.details,
  type: `urn:kotovayla:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
  title: adviceOf(error.code),
  status: error.status,
  detail: error.detail,
  code: error.code,
});
