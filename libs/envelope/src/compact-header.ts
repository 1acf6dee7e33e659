import { AppError, type Result, err, ok } from '#kernel';
import { isRecord } from './shape.js';

export type JoseHeader = Readonly<Record<string, unknown>>;

/**
 * The protected header, if it has exactly these members and this `typ`. So `crit`, `zip`, `jku`, `jwk`, `x5u`, `x5c`, `b64`
 * are refused before jose sees the token. Errors: MALFORMED, ALG_NOT_ALLOWED (a member outside the profile), TYP_MISMATCH.
 */
export function readHeader(segment: string, typ: string, members: readonly string[]): Result<JoseHeader> {
  const header = parseObject(segment);
  if (header === undefined) return err(new AppError('MALFORMED', 'The protected header is not a JSON object.'));
  if (!Object.keys(header).every((member) => members.includes(member))) {
    return err(new AppError('ALG_NOT_ALLOWED', 'The header has a member outside the profile.'));
  }
  if (header.typ !== typ) return err(new AppError('TYP_MISMATCH', undefined, { expected: typ }));
  return ok(header);
}

function parseObject(segment: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(segment, 'base64url').toString('utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
