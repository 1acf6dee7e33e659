import { AppError, type Result, canonicalJson, err, ok } from '#kernel';

// `ignoreBOM` keeps a byte order mark in the text, where JSON.parse then refuses it.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The value of canonical JSON (RFC 8785); anything else is refused, so that two readers cannot understand one signed text
 * differently (a member twice, another number form, invalid UTF-8). Errors: MALFORMED.
 */
export function readCanonicalJson(bytes: Uint8Array): Result<unknown> {
  const read = readJson(bytes);
  return read && isCanonical(read)
    ? ok(read.value)
    : err(new AppError('MALFORMED', 'The signed or sealed text is not canonical JSON (RFC 8785).'));
}

/** Text and value, not yet known to be canonical; undefined for what is no UTF-8 or no JSON. */
export function readJson(bytes: Uint8Array): { readonly text: string; readonly value: unknown } | undefined {
  try {
    const text = utf8.decode(bytes);
    return { text, value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function isCanonical({ text, value }: { readonly text: string; readonly value: unknown }): boolean {
  try {
    return canonicalJson(value) === text;
  } catch {
    // Nested too deeply for the stack, or a number that JSON has not: all of it comes from outside.
    return false;
  }
}

export const canonicalBytes = (value: unknown): Buffer => Buffer.from(canonicalJson(value), 'utf8');
