import type { Day } from '#calendar';
import { AppError, type Result, err, ok } from '#kernel';
import { inForce } from './in-force.js';
import type { Deadline, NecessityTemplate, Purpose, RefusalReason, Validity } from './records.js';

const byCode = <T extends Validity & { readonly code: string }>(
  records: readonly T[],
  code: string,
  day: Day,
): T | undefined => records.find((record) => record.code === code && inForce(record, day));

/** Errors: PURPOSE_UNKNOWN. */
export function findPurpose(purposes: readonly Purpose[], code: string, day: Day): Result<Purpose> {
  const purpose = byCode(purposes, code, day);
  return purpose ? ok(purpose) : err(new AppError('PURPOSE_UNKNOWN'));
}

export const findRefusalReason = (
  reasons: readonly RefusalReason[],
  code: string,
  day: Day,
): RefusalReason | undefined => byCode(reasons, code, day);

/** Errors: DEADLINE_INVALID. */
export function findDeadline(deadlines: readonly Deadline[], code: string, day: Day): Result<Deadline> {
  const deadline = byCode(deadlines, code, day);
  return deadline ? ok(deadline) : err(new AppError('DEADLINE_INVALID'));
}

export const findNecessityTemplate = (
  templates: readonly NecessityTemplate[],
  category: number,
  purpose: string,
  day: Day,
): NecessityTemplate | undefined =>
  templates.find(
    (template) => template.category === category && template.purpose === purpose && inForce(template, day),
  );
