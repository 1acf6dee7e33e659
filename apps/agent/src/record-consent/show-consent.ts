import { type ConsentRecord, disclosersOf, recipientsOf } from '#envelope';
import type { ConsentId } from '#kernel';
import { member } from '../hub-client/hub-http.js';
import type { KeptConsent } from '../infra/consent-store.js';
import type { ConsentDto, OpenedUseDto } from './consent.dto.js';

const factsOf = ({ grants, purposes, validFrom, validUntil }: ConsentRecord) => ({
  categories: grants.map(({ category }) => category),
  grants,
  purposes,
  requesters: recipientsOf(grants),
  disclosers: disclosersOf(grants),
  validFrom,
  validUntil,
});

/** A consent as an agency's own systems see it. */
export const shownConsent = ({ id, version, state, code, record, effectiveAt }: KeptConsent): ConsentDto => ({
  ...factsOf(record),
  consentId: id,
  version,
  state,
  ...(code === null ? {} : { code }),
  ...(effectiveAt === null ? {} : { effectiveAt: effectiveAt.toISOString() }),
});

/** One that only the hub has told of. */
export const shownRecord = ({
  id,
  version,
  state,
  record,
}: {
  id: ConsentId;
  version: number;
  state: string;
  record: ConsentRecord;
}): ConsentDto => ({ ...factsOf(record), consentId: id, version, state });

/** What had been opened on it, as the hub lists it. */
export function openedUses(answer: unknown, list = 'uses'): OpenedUseDto[] {
  const uses = member(answer, list);
  return (Array.isArray(uses) ? (uses as unknown[]) : []).map((use) => ({
    exchangeId: String(member(use, 'exchangeId')),
    recipient: String(member(use, 'recipient')),
    usedAt: String(member(use, 'usedAt')),
  }));
}
