import { importRecipientKey, importVerificationKey, type RecipientKey, type VerificationKey } from '#envelope';
import { type AgencyId, AppError, err, type Result, type Thumbprint } from '#kernel';
import { type DirectoryView, keyUsableAt } from './directory-snapshot.js';

/**
 * The key with which an agency's signature is judged: logged, for signing, and usable at the moment that counts.
 *
 * Errors: SIGNATURE_INVALID (no such logged signing key), KEY_REVOKED (not usable then)
 */
export async function signingKeyOf(
  directory: DirectoryView,
  agency: AgencyId,
  kid: Thumbprint,
  at: Date,
): Promise<Result<VerificationKey>> {
  const key = directory.key(agency, kid);
  if (key?.use !== 'signing')
    return err(new AppError('SIGNATURE_INVALID', 'no logged signing key of this agency has that kid'));
  if (!keyUsableAt(key, at)) return err(new AppError('KEY_REVOKED'));
  return importVerificationKey(JSON.parse(key.jwkJson));
}

/**
 * The newest key to which something is sealed for an agency at that moment.
 *
 * Errors: RECIPIENT_KEY_UNKNOWN
 */
export async function receivingKeyOf(
  directory: DirectoryView,
  agency: AgencyId,
  at: Date,
): Promise<Result<RecipientKey>> {
  const [newest] = directory
    .keysOf(agency)
    .filter((key) => key.use === 'receiving' && keyUsableAt(key, at))
    .sort((a, b) => Number(b.leafIndex - a.leafIndex));
  return newest ? importRecipientKey(JSON.parse(newest.jwkJson)) : err(new AppError('RECIPIENT_KEY_UNKNOWN'));
}
