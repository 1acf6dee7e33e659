import { AppError } from '#kernel';

/** Members of what the gateway answers, taken for nothing that they are not. Each throws UNAVAILABLE. */

export function recordOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unexpected();
  return value as Record<string, unknown>;
}

export function listOf(value: unknown): Record<string, unknown>[] {
  if (!Array.isArray(value)) throw unexpected();
  return value.map(recordOf);
}

export function textOf(value: unknown): string {
  if (typeof value !== 'string') throw unexpected();
  return value;
}

/** What may be left out, too. */
export const textIn = (value: unknown): string | undefined => (value === undefined ? undefined : textOf(value));

export const textsOf = (value: unknown): string[] => {
  if (!Array.isArray(value)) throw unexpected();
  return value.map(textOf);
};

/** A count or an index. */
export function indexOf(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw unexpected();
  return value as number;
}

export const unexpected = (): AppError => new AppError('UNAVAILABLE', 'The hub answers in an unknown shape.');
