import type { AgencyId } from '#kernel';
import { agency, numericDate, tokenId, worker } from './fields.js';
import { type Check, closed, isRecord, oneOf, optional, text, that } from './shape.js';

/**
 * An agency's auditor asks the log for something. Audit verifies it by the agency's logged `auditor-signing` key and answers
 * this question only, so that nobody on the way can ask in the auditor's name.
 */
export interface AuditLook {
  v: 1;
  /** Method and path of the call, without query: `GET /v1/audit/entries`. */
  call: string;
  /** Parameters of its query by their names in the API, those with their default left out; instants in UTC with milliseconds. */
  query: Record<string, string>;
  /** The agency's own, or everybody's, as a supervising authority. */
  scope: 'own' | 'all';
  agency: AgencyId;
  /** Who looks, by the agency's own pseudonym. */
  worker?: string;
  jti: string;
  iat: number;
}

const query: Check<Record<string, string>> = that(
  (value): value is Record<string, string> =>
    isRecord(value) &&
    Object.keys(value).length <= 16 &&
    Object.entries(value).every(
      ([name, wanted]) =>
        /^[a-z][A-Za-z]{0,31}$/.test(name) && typeof wanted === 'string' && /^[^\p{Cc}]{1,512}$/u.test(wanted),
    ),
);

export const auditLook: Check<AuditLook> = closed<AuditLook>({
  v: oneOf(1),
  call: text(/^(GET|POST) \/[A-Za-z0-9/_-]{1,256}$/),
  query,
  scope: oneOf('own', 'all'),
  agency,
  worker: optional(worker),
  jti: tokenId,
  iat: numericDate,
});
