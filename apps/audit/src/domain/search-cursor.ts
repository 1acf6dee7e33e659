import { AppError, type Result, canonicalJson, err, ok, sha256 } from '#kernel';

/** Where an answer goes on: which question it was, the next index, and the end that the first page saw. */
export interface SearchCursor {
  readonly next: number;
  readonly end: number;
}

interface Written extends SearchCursor {
  readonly question: string;
}

const questionOf = (question: unknown): string => sha256(canonicalJson(question)).slice(0, 22);

/** @param question who asks what, in JSON */
export const writeCursor = ({ next, end }: SearchCursor, question: unknown): string =>
  Buffer.from(JSON.stringify({ next, end, question: questionOf(question) })).toString('base64url');

/** Says nothing that the same question could not ask. Errors: MALFORMED, also for a cursor of another question. */
export function readCursor(text: string, question: unknown): Result<SearchCursor> {
  try {
    const value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Partial<Written>;
    const { next, end } = value;
    const fits =
      Number.isSafeInteger(next) && Number.isSafeInteger(end) && Number(next) >= 0 && Number(end) >= Number(next);
    if (fits && value.question === questionOf(question)) return ok({ next: Number(next), end: Number(end) });
  } catch {
    // No JSON: it comes from outside.
  }
  return err(new AppError('MALFORMED', 'This cursor belongs to another question.', { field: 'cursor' }));
}
