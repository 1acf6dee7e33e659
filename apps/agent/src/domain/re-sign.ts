import type { ConsentRecord } from '#envelope';
import { AppError, err, ok, type Pseudonym, type Result } from '#kernel';

/** A person's pseudonyms under the key of a record and under the one that takes its place. */
export interface BothPseudonyms {
  readonly present: Pseudonym;
  readonly next: Pseudonym;
}

/**
 * The next version of a consent: the same word for word, the persons named under another pseudonym key.
 *
 * @param deciders of each decider that the record names by pseudonym, in its order
 * Errors: CONFLICT (the persons are not those of the record: nothing is signed about somebody else)
 */
export function renamed(
  record: ConsentRecord,
  subject: BothPseudonyms,
  deciders: readonly (BothPseudonyms | undefined)[],
): Result<ConsentRecord> {
  const same =
    record.subject === subject.present &&
    record.deciders.length === deciders.length &&
    record.deciders.every(({ pseudonym }, index) => pseudonym === deciders[index]?.present);
  if (!same) return err(new AppError('CONFLICT', 'the kept persons are not those of the record'));
  return ok({
    ...record,
    version: record.version + 1,
    subject: subject.next,
    deciders: record.deciders.map((decider, index) => {
      const who = deciders[index];
      return who === undefined ? decider : { ...decider, pseudonym: who.next };
    }),
  });
}
