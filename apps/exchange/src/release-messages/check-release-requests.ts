import type { ReleaseItem } from '#contracts';
import {
  type SignedReleaseRequest,
  checkReleaseRequest,
  importVerificationKey,
  readReleaseRequest,
  verifyReleaseRequest,
} from '#envelope';
import { type AgencyId, AppError, type Clock, type Result, err, ok, unwrap } from '#kernel';
import { type DirectoryView, keyUsableAt } from '#platform';

/**
 * Is this a fresh release request, signed by the agency of the token with a logged key of its own? Which message it names is
 * looked up later, in that agency's mailbox only.
 *
 * Errors: RELEASE_REQUEST_INVALID, SENDER_MISMATCH, SIGNATURE_INVALID, KEY_REVOKED and those of `readReleaseRequest`.
 */
export async function checkReleaseItem(
  agency: AgencyId,
  { releaseRequest }: ReleaseItem,
  directory: DirectoryView,
  clock: Clock,
): Promise<Result<SignedReleaseRequest>> {
  const read = readReleaseRequest(releaseRequest);
  if (!read.ok) return read;
  const { kid, manifestHash } = read.value;
  if (read.value.agency !== agency) return err(new AppError('SENDER_MISMATCH'));
  const now = clock.now();
  const key = directory.key(agency, kid);
  if (!key || key.use !== 'signing') return err(new AppError('SIGNATURE_INVALID'));
  if (key.revokedAt && key.revokedAt <= now) return err(new AppError('KEY_REVOKED'));
  if (!keyUsableAt(key, now)) return err(new AppError('SIGNATURE_INVALID'));
  const verified = await verifyReleaseRequest(
    releaseRequest,
    unwrap(await importVerificationKey(JSON.parse(key.jwkJson))),
  );
  if (!verified.ok) return verified;
  const fits = checkReleaseRequest(verified.value, { manifestHash, agency }, now);
  return fits.ok ? ok(verified.value) : fits;
}
