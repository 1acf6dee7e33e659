import { type LogRecord, recordMembers } from '#contracts';
import { AppError, type Result, type Sha256, err, ok } from '#kernel';

/** What stands in an entry's body beside the record: which evidence was seen, and who answers for it. */
export interface Assertion {
  /** Hash of each piece of evidence, by its kind. */
  readonly evidence: Readonly<Record<string, Sha256>>;
  /** `agency`: signed evidence of an agency was verified and says the same. */
  readonly assertedBy: 'agency' | 'hub';
}

/** The members of a body, not yet judged by its closed shape. Errors: MALFORMED. */
export function bodyMembers(record: LogRecord, assertion: Assertion): Result<Record<string, unknown>> {
  const basis = basisOf(record.basisJson);
  if (!basis.ok) return basis;
  const members = recordMembers(record);
  if (members['at'] === undefined) return err(new AppError('MALFORMED', undefined, { field: 'at' }));
  return ok({
    v: 1,
    ...members,
    ...(basis.value !== undefined && { basis: basis.value }),
    ...(Object.keys(assertion.evidence).length > 0 && { evidence: assertion.evidence }),
    assertedBy: assertion.assertedBy,
  });
}

function basisOf(json: string): Result<unknown> {
  if (json === '') return ok(undefined);
  try {
    const basis: unknown = JSON.parse(json);
    return ok(Array.isArray(basis) && basis.length === 0 ? undefined : basis);
  } catch {
    return err(new AppError('MALFORMED', undefined, { field: 'basisJson' }));
  }
}
