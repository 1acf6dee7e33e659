import type { Day } from '#calendar';
import { type AgencyId, AppError, type PartyKind, type Result, err, ok, partyKindOf } from '#kernel';
import { inForce } from './in-force.js';
import type { Statute, StatuteEffect, Territory, TerritoryCode } from './records.js';

/** One part of a basis: may this provision be used for it? */
export interface StatuteQuestion {
  readonly effect: StatuteEffect;
  readonly asker: PartyKind;
  readonly holder: PartyKind;
  /** Where asker and holder are. */
  readonly territories: readonly TerritoryCode[];
  readonly categories: readonly number[];
  readonly purpose: string;
  readonly day: Day;
}

/** Kinds and territories of two agencies: the part of a question that does not change between provisions. */
export const questionBetween = (
  territories: readonly Territory[],
  asker: AgencyId,
  holder: AgencyId,
  day: Day,
): Pick<StatuteQuestion, 'asker' | 'holder' | 'territories'> => ({
  asker: partyKindOf(asker),
  holder: partyKindOf(holder),
  territories: [territoryOf(territories, asker, day), territoryOf(territories, holder, day)],
});

export const territoryOf = (territories: readonly Territory[], agency: AgencyId, day: Day): TerritoryCode =>
  territories.find((territory) => territory.agencies.includes(agency) && inForce(territory, day))?.code ?? 'mainland';

/** An Act of a part of the country binds no agency of the other part, so it covers nothing between the two. */
export const inTerritory = ({ territory }: Statute, territories: readonly TerritoryCode[]): boolean =>
  territory === 'finland' || territories.every((code) => code === territory);

/** The record with this id, and this version where one is named, that is in force on the day. */
export const findStatute = (
  statutes: readonly Statute[],
  id: string,
  day: Day,
  version?: number,
): Statute | undefined =>
  statutes.find(
    (statute) => statute.id === id && (version === undefined || statute.version === version) && inForce(statute, day),
  );

/** The provisions that cover the question, confirmed ones first: what is suggested to a case worker. */
export const statutesCovering = (statutes: readonly Statute[], question: StatuteQuestion): readonly Statute[] =>
  statutes
    .filter((statute) => inForce(statute, question.day) && applies(statute, question))
    .sort((a, b) => Number(b.confirmed) - Number(a.confirmed));

/**
 * Does the provision cover these parties where they are, this purpose and *every* one of these categories on the day? Categories may be
 * covered by different scopes of the provision.
 *
 * Errors: STATUTE_UNKNOWN (no such provision on the day), STATUTE_NOT_APPLICABLE (also for no category at all).
 */
export function statuteCovers(statute: Statute | undefined, question: StatuteQuestion): Result<Statute> {
  if (!statute || !inForce(statute, question.day)) return err(new AppError('STATUTE_UNKNOWN'));
  if (applies(statute, question)) return ok(statute);
  return err(
    new AppError('STATUTE_NOT_APPLICABLE', undefined, {
      statute: statute.id,
      categories: question.categories.map(String),
    }),
  );
}

/** Whether or not it is in force. A plain answer: most provisions do not apply, and an error costs more than the question. */
function applies(statute: Statute, question: StatuteQuestion): boolean {
  const covered = new Set(
    statute.scopes
      .filter(
        ({ askers, holders, purposes }) =>
          askers.includes(question.asker) && holders.includes(question.holder) && purposes.includes(question.purpose),
      )
      .flatMap(({ categories }) => categories),
  );
  return (
    statute.effects.includes(question.effect) &&
    inTerritory(statute, question.territories) &&
    question.categories.length > 0 &&
    question.categories.every((category) => covered.has(category))
  );
}
