import { type LogBody, entryOfBody } from '#envelope';
import { AppError, type Result, err, ok } from '#kernel';
import { leafHash } from '#merkle';

/** One line of an export's bodies: what an opaque entry says, and the key by which its leaf commits to that. */
export interface BodyLine {
  readonly index: number;
  /** Canonical JSON. */
  readonly body: string;
  /** 32 bytes in base64. */
  readonly commitmentKey: string;
  /** What the leaf says of the entry's places, 32 bytes in base64; an entry from before they were counted has none. */
  readonly places?: string;
}

/** The same with the signed statements that the body names by their hashes. */
export interface EvidencedLine extends BodyLine {
  readonly statements: readonly { readonly kind: string; readonly token: string }[];
}

export interface OpenedBody {
  readonly body: LogBody;
  /** The leaf that follows from body and key. */
  readonly leafHash: Buffer;
}

/** Errors: MALFORMED. */
export function parseBodyLine(line: string): Result<BodyLine> {
  const value = parsed(line);
  if (typeof value !== 'object' || value === null) return malformed();
  const { index, body, commitmentKey, places } = value as Record<string, unknown>;
  if (!Number.isSafeInteger(index) || (index as number) < 0) return malformed();
  if (typeof body !== 'string' || typeof commitmentKey !== 'string') return malformed();
  if (places !== undefined && typeof places !== 'string') return malformed();
  return ok({ index: index as number, body, commitmentKey, ...(places !== undefined && { places }) });
}

/**
 * The leaf to which a body belongs. A body in another spelling than the canonical one is refused: what is shown must be
 * what was logged, byte for byte. Errors: LEAF_MISMATCH.
 */
export function openBodyLine({ body, commitmentKey, places }: Omit<BodyLine, 'index'>): Result<OpenedBody> {
  const key = commitmentKeyOf(commitmentKey);
  if (key === undefined) return mismatch('The commitment key is none.');
  const placesHash = places === undefined ? undefined : commitmentKeyOf(places);
  if (places !== undefined && placesHash === undefined) return mismatch('The hash of the places is none.');
  const logged = entryOfBody(body, key, placesHash);
  if (!logged.ok) return mismatch('The body is none that a log can hold.');
  return ok({ body: logged.value.body, leafHash: leafHash(logged.value.entry) });
}

/** 32 bytes from base64 or base64url, in one spelling each; undefined for anything else. */
export function commitmentKeyOf(text: string): Buffer | undefined {
  const encoding = /^[A-Za-z0-9_-]{43}$/.test(text) ? 'base64url' : 'base64';
  const key = Buffer.from(text, encoding);
  return key.length === 32 && key.toString(encoding) === text ? key : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const malformed = () => err(new AppError('MALFORMED'));
const mismatch = (detail: string) => err(new AppError('LEAF_MISMATCH', detail));
