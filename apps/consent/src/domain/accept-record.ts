import { dayInHelsinki, deadlineFor } from '#calendar';
import { type Catalogue, findCategory, findDeadline, findPurpose } from '#catalogue';
import type { ConsentRecord } from '#envelope';
import { AppError, err, ok, type Result } from '#kernel';
import { type Consent, mayHappen } from './consent-state.js';

/** Forgiven to agencies' clocks. */
const SKEW_MS = 60_000;

/**
 * May this record be stored, as the first or the next version? Its signature has been verified before.
 *
 * @param present the consent of that id, if there is one
 * Errors: CONSENT_INVALID, CONSENT_ID_REUSED, CONFLICT (a version that is not the next), CONSENT_WITHDRAWN (final)
 */
export function acceptRecord(
  record: ConsentRecord,
  present: Consent | undefined,
  catalogue: Catalogue,
  now: Date,
): Result<void> {
  const today = dayInHelsinki(now);
  const invalid = (why: string): { ok: false; error: AppError } => err(new AppError('CONSENT_INVALID', why));

  if (present) {
    if (present.record.collectingAgency !== record.collectingAgency || present.record.subject !== record.subject)
      return err(new AppError('CONSENT_ID_REUSED'));
    if (!mayHappen('new-version', present.state)) return err(new AppError('CONSENT_WITHDRAWN'));
    if (record.version !== present.version + 1)
      return err(new AppError('CONFLICT', 'the version must be the next one'));
  } else if (record.version !== 1) return invalid('the first version must be 1');

  if (new Date(record.collectedAt).getTime() > now.getTime() + SKEW_MS)
    return invalid('collectedAt lies in the future');
  if (new Date(record.validUntil) <= now) return invalid('validUntil has passed');
  const maximum = findDeadline(catalogue.deadlines, 'consent-maximum', today);
  if (!maximum.ok) return maximum;
  const latest = deadlineFor(maximum.value, new Date(record.validFrom));
  if (new Date(record.validUntil) > latest) return invalid('a consent lasts at most as long as the agreed maximum');
  if (record.grants.some(({ category }) => !findCategory(catalogue.categories, category, today)))
    return invalid('a category is not in force');
  if (record.purposes.some((code) => !findPurpose(catalogue.purposes, code, today).ok))
    return invalid('a purpose is not in force');
  if (record.method === 'oral-once' && record.uses.kind !== 'once')
    return invalid('a consent by word of mouth is for one contact');
  return ok(undefined);
}
