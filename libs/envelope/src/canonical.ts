import { AppError, type Result, canonicalJson, err, ok } from '#kernel';

// `ignoreBOM` keeps a byte order mark in the text, where JSON.parse then refuses it.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The value of canonical JSON (RFC 8785); anything else is refused, so that two readers cannot understand one signed text
 * differently (a member twice, another number form, invalid UTF-8). Errors: MALFORMED.
 */
export function readCanonicalJson(bytes: Uint8Array): Result<unknown> {
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    if (canonicalJson(value) === text) return ok(value);
  } catch {
    // Not UTF-8, not JSON, or nested too deeply for the stack: all of it comes from outside.
  }
  return err(new AppError('MALFORMED', 'The signed or sealed text is not canonical JSON (RFC 8785).'));
}

export const canonicalBytes = (value: unknown): Buffer => Buffer.from(canonicalJson(value), 'utf8');
