import { randomBytes } from 'node:crypto';
import type { SearchEntriesRequest } from '#contracts';
import { type AuditLook, signStatement } from '#envelope';
import { type Clock, numericDate, systemClock } from '#kernel';
import type { Appender } from '../append-entries/appender.js';
import { Looks } from '../append-entries/looks.js';
import { AgencyKeys } from '../infra/agency-keys.js';
import type { EntryKek } from '../infra/entry-kek.js';
import type { GivenLook } from '../infra/signed-look.js';
import { type Party, directoryOf } from '../testing/parties.fixture.js';

/** By a directory that knows these agencies with their auditors. */
export function looksOf(
  parties: readonly Party[],
  {
    appender,
    kek,
    clock = systemClock,
  }: { readonly appender: Appender; readonly kek: EntryKek; readonly clock?: Clock },
): Looks {
  const keys = new AgencyKeys(directoryOf(parties), () => Promise.resolve(true));
  return new Looks(appender, kek, clock, keys);
}

/** What the gateway passes on of an auditor who asks. */
export async function askedBy(
  { id, auditing }: Pick<Party, 'id' | 'auditing'>,
  question: Pick<AuditLook, 'call'> & Partial<Pick<AuditLook, 'query'>>,
  { all = false, worker = '', at = new Date() }: { all?: boolean; worker?: string; at?: Date } = {},
): Promise<Required<GivenLook>> {
  const look = await signStatement(
    'audit-look',
    {
      v: 1,
      query: {},
      ...question,
      scope: all ? 'all' : 'own',
      agency: id,
      ...(worker !== '' && { worker }),
      jti: randomBytes(16).toString('base64url'),
      iat: numericDate(at),
    },
    auditing,
  );
  return { agency: id, supervising: all, worker, look };
}

/** The same search, signed by the auditor of the agency that asks. */
export async function signedSearch(
  by: Pick<Party, 'id' | 'auditing'>,
  request: Omit<SearchEntriesRequest, 'look'>,
): Promise<SearchEntriesRequest> {
  const { supervising, worker, from, limit, cursor, filter } = request;
  const said = Object.entries({ ...filter, from, limit, cursor }).flatMap(([name, value]) =>
    value === undefined || value === '' || value === 0
      ? []
      : [[name, value instanceof Date ? value.toISOString() : String(value)] as const],
  );
  const question = { call: 'GET /v1/audit/entries', query: Object.fromEntries(said) };
  return { ...request, ...(await askedBy(by, question, { all: supervising, worker })), agency: request.agency };
}
