import { AppError, type ErrorCode, type Result, err, ok } from '#kernel';

/**
 * Says where a value first departs from the shape of T, as a path of member names; undefined when it fits. Paths name
 * members of ours only: a stranger's member name might carry personal data.
 */
export interface Check<T> {
  (value: unknown, at: string): string | undefined;
  readonly accepts?: T;
}

export interface OptionalCheck<T> {
  readonly optional: Check<T>;
}

type Members<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K> ? OptionalCheck<Exclude<T[K], undefined>> : Check<T[K]>;
};

export const that =
  <T>(guard: (value: unknown) => value is T): Check<T> =>
  (value, at) =>
    guard(value) ? undefined : at;

export const text = (pattern: RegExp): Check<string> =>
  that((value): value is string => typeof value === 'string' && pattern.test(value));

export const flag: Check<boolean> = that((value): value is boolean => typeof value === 'boolean');

export const integer = (from: number, to: number = Number.MAX_SAFE_INTEGER): Check<number> =>
  that((value): value is number => Number.isSafeInteger(value) && Number(value) >= from && Number(value) <= to);

export const oneOf = <const T extends readonly (string | number)[]>(...values: T): Check<T[number]> =>
  that((value): value is T[number] => (values as readonly unknown[]).includes(value));

export const optional = <T>(check: Check<T>): OptionalCheck<T> => ({ optional: check });

export const list =
  <T>(item: Check<T>, { min = 0, max }: { readonly min?: number; readonly max: number }): Check<T[]> =>
  (value, at) => {
    if (!Array.isArray(value) || value.length < min || value.length > max) return at;
    for (let index = 0; index < value.length; index += 1) {
      // The path of an element costs more than most checks: it is made for one that departs.
      if (item(value[index], at) !== undefined) return item(value[index], `${at}[${index}]`);
    }
    return undefined;
  };

export const either =
  <A, B>(first: Check<A>, second: Check<B>): Check<A | B> =>
  (value, at) =>
    first(value, at) === undefined ? undefined : second(value, at);

export const also =
  <T>(check: Check<T>, rule: (value: T) => boolean): Check<T> =>
  (value, at) =>
    check(value, at) ?? (rule(value as T) ? undefined : at);

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const pathOf = (at: string, name: string): string => (at === '' ? name : `${at}.${name}`);

/** An object with these members and no other: what a reader ignores today is what an attacker uses tomorrow. */
export const closed = <T extends object>(members: Members<T>): Check<T> => {
  const checks = Object.entries<Check<unknown> | OptionalCheck<unknown>>(members);
  return (value, at) => {
    if (!isRecord(value)) return at;
    let present = 0;
    for (const [name, member] of checks) {
      const isRequired = typeof member === 'function';
      if (!Object.hasOwn(value, name)) {
        if (isRequired) return pathOf(at, name);
        continue;
      }
      present += 1;
      const departure = (isRequired ? member : member.optional)(value[name], pathOf(at, name));
      if (departure !== undefined) return departure;
    }
    return Object.keys(value).length === present ? undefined : `${at}.*`;
  };
};

/** The value itself, typed, if it fits. Never throws. Errors: the given code, with the path as `field`. */
export function parseAs<T>(check: Check<T>, value: unknown, code: ErrorCode = 'MALFORMED'): Result<T> {
  const field = check(value, '');
  return field === undefined ? ok(value as T) : err(new AppError(code, undefined, { field }));
}
