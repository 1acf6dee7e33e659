import type { EntryFilter as GivenFilter } from '#contracts';
import {
  type AgencyId,
  AppError,
  type ErrorCode,
  type ExchangeId,
  type MessageId,
  type Pseudonym,
  type Result,
  err,
  isAgencyId,
  isErrorCode,
  isExchangeId,
  isMessageId,
  isPseudonym,
  ok,
} from '#kernel';

/** What a search asks for: an entry fits when it fits all of it. */
export interface EntryFilter {
  /** A party. */
  readonly agency?: AgencyId;
  readonly worker?: string;
  readonly subject?: Pseudonym;
  readonly category?: number;
  readonly basis?: string;
  readonly type?: string;
  readonly code?: ErrorCode;
  readonly loggedFrom?: Date;
  readonly loggedUntil?: Date;
  readonly exchangeId?: ExchangeId;
  readonly messageId?: MessageId;
}

const workerPattern = /^[A-Za-z0-9._:-]{1,128}$/;
const basisPattern = /^[\p{L}\p{N}][\p{L}\p{N}./:§_-]{0,63}$/u;
const typePattern = /^[a-z][a-z-]{0,63}$/;

/** Errors: MALFORMED, with the member as `field`. */
export function parseFilter(given: GivenFilter | undefined): Result<EntryFilter> {
  if (given === undefined) return ok({});
  const { agency, worker, subject, category, basis, type, code, loggedFrom, loggedUntil, exchangeId, messageId } =
    given;
  const wrong = Object.entries({
    agency: agency === '' || isAgencyId(agency),
    worker: worker === '' || workerPattern.test(worker),
    subject: subject === '' || isPseudonym(subject),
    category: Number.isSafeInteger(category) && category >= 0 && category <= 999,
    basis: basis === '' || basisPattern.test(basis),
    type: type === '' || typePattern.test(type),
    code: code === '' || isErrorCode(code),
    loggedFrom: loggedFrom === undefined || !Number.isNaN(loggedFrom.getTime()),
    loggedUntil: loggedUntil === undefined || !Number.isNaN(loggedUntil.getTime()),
    exchangeId: exchangeId === '' || isExchangeId(exchangeId),
    messageId: messageId === '' || isMessageId(messageId),
  }).find(([, fits]) => !fits);
  if (wrong) return err(new AppError('MALFORMED', undefined, { field: wrong[0] }));
  return ok({
    ...(isAgencyId(agency) && { agency }),
    ...(worker !== '' && { worker }),
    ...(isPseudonym(subject) && { subject }),
    ...(category > 0 && { category }),
    ...(basis !== '' && { basis }),
    ...(type !== '' && { type }),
    ...(isErrorCode(code) && { code }),
    ...(loggedFrom && { loggedFrom }),
    ...(loggedUntil && { loggedUntil }),
    ...(isExchangeId(exchangeId) && { exchangeId }),
    ...(isMessageId(messageId) && { messageId }),
  });
}

/** The filter as the entry about the search says it. The subject is that entry's subject. */
export function filterWords({ subject: _inSubjects, ...filter }: EntryFilter): Record<string, string> {
  const words = Object.entries(filter).map(([name, wanted]) => [
    name,
    wanted instanceof Date ? wanted.toISOString() : String(wanted),
  ]);
  return Object.fromEntries(words) as Record<string, string>;
}

const ofChain: ReadonlySet<string> = new Set<keyof EntryFilter>(['agency', 'subject', 'loggedFrom', 'loggedUntil']);

/**
 * The one chain whose entries the filter asks for, all of them, so that the answer can be proved complete (decision 0025):
 * an agency's own; for a supervising authority a subject's or an agency's. None where something else is filtered too.
 */
export function chainOf(own: AgencyId | undefined, filter: EntryFilter): AgencyId | Pseudonym | undefined {
  const { agency, subject } = filter;
  const isOfChain = Object.keys(filter).every((name) => ofChain.has(name));
  if (!isOfChain) return undefined;
  if (own !== undefined) return agency === undefined && subject === undefined ? own : undefined;
  return agency === undefined ? subject : subject === undefined ? agency : undefined;
}
