import type { AgencyKey, Submission } from '#contracts';
import { type Manifest, checkParts, importVerificationKey, readManifest, verifyManifest } from '#envelope';
import { AppError, type Result, err, ok, unwrap } from '#kernel';
import type { DirectoryView } from '#platform';

export interface AttributedSubmission {
  readonly manifest: Manifest;
  /** Logged, of this agency; whether it may still be used is another question. */
  readonly signingKey: AgencyKey;
}

/**
 * Is this whole submission the doing of the agency that it names? Nobody relies on the gateway for it.
 *
 * Errors: SENDER_MISMATCH, SIGNATURE_INVALID, HASH_MISMATCH and those of `readManifest` and `checkParts`.
 */
export async function attributeSubmission(
  submission: Submission,
  directory: DirectoryView,
): Promise<Result<AttributedSubmission>> {
  const read = readManifest(submission.manifest);
  if (!read.ok) return read;
  const { context, kid } = read.value;
  if (submission.agency !== context.sender) return err(new AppError('SENDER_MISMATCH'));
  const signingKey = directory.key(context.sender, kid);
  if (!signingKey || signingKey.use !== 'signing') return err(new AppError('SIGNATURE_INVALID'));
  const key = unwrap(await importVerificationKey(JSON.parse(signingKey.jwkJson)));
  const verified = await verifyManifest(submission.manifest, key);
  if (!verified.ok) return verified;
  // Whoever has seen a manifest could post it with other parts: that is not the sender's doing either.
  const parts = checkParts(verified.value, submission);
  return parts.ok ? ok({ manifest: verified.value, signingKey }) : parts;
}
