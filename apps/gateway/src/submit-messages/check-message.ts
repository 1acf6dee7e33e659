import { checkParts, type Manifest, readManifest, verifyManifest } from '#envelope';
import { type AgencyId, AppError, err, fromNumericDate, ok, type Result } from '#kernel';
import { type DirectoryView, signingKeyOf } from '#platform';
import { MAX_MESSAGE_BYTES } from './submit-messages.dto.js';

/** Skew that is forgiven to agencies' clocks. */
const SKEW_MS = 60_000;

export interface SealedParts {
  readonly manifest: string;
  readonly capsule: string;
  readonly outer: string;
}

/**
 * All that the edge can decide about a message: size, shape, sender = token, logged signing key, signature, hashes, times.
 * Exchange checks the same again: nobody relies on another service's check (design: Who checks what).
 */
export async function checkMessage(
  parts: SealedParts,
  caller: AgencyId,
  directory: DirectoryView,
  now: Date,
): Promise<Result<Manifest>> {
  if (parts.manifest.length + parts.capsule.length + parts.outer.length > MAX_MESSAGE_BYTES)
    return err(new AppError('CONTENT_TOO_LARGE'));
  const read = readManifest(parts.manifest);
  if (!read.ok) return read;
  const { context, kid } = read.value;
  if (context.sender !== caller) return err(new AppError('SENDER_MISMATCH'));
  const key = await signingKeyOf(directory, caller, kid, now);
  if (!key.ok) return key;
  const verified = await verifyManifest(parts.manifest, key.value);
  if (!verified.ok) return verified;
  const whole = checkParts(verified.value, parts);
  if (!whole.ok) return whole;
  if (fromNumericDate(context.exp).getTime() <= now.getTime() - SKEW_MS) return err(new AppError('MESSAGE_EXPIRED'));
  if (fromNumericDate(context.iat).getTime() > now.getTime() + SKEW_MS) return err(new AppError('IAT_IN_FUTURE'));
  return ok(verified.value);
}
