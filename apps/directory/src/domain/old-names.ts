import type { Day } from '#calendar';
import { inForce } from '#catalogue';
import type { AgencyId } from '#kernel';
import { economicDevelopmentCentre, employmentAuthority, findMunicipality } from './agencies.js';
import type { Alias, Municipality, ReferenceData } from './reference-records.js';

export interface Succession {
  readonly alias: Alias;
  /** The successors; one when the client's municipality is known, else all of the old authority's area. */
  readonly agencies: readonly AgencyId[];
}

const plain = (name: string): string => name.trim().toLocaleLowerCase('fi').replaceAll(/\s+/g, ' ');

/** The alias with this name in any language, whatever the capitals. */
export const findAlias = (aliases: readonly Alias[], name: string): Alias | undefined =>
  aliases.find(({ names, otherNames }) =>
    [names.fi, names.sv, names.en, ...otherNames].some((candidate) => plain(candidate) === plain(name)),
  );

const successorFor = (alias: Alias, { employmentArea, vitalityCentre }: Municipality): AgencyId => {
  switch (alias.successor) {
    case 'employment-authority':
      return employmentAuthority(employmentArea);
    case 'economic-development-centre':
      return economicDevelopmentCentre(vitalityCentre);
  }
};

/**
 * Who has the duties of an authority that people still call by its old name: TE office, ELY centre, employment pilot. With
 * the client's municipality the answer is one agency, even when the municipality lies outside the old authority's area:
 * people name the office that they remember. Undefined for a name that is no old name.
 */
export function resolveOldName(
  data: ReferenceData,
  name: string,
  municipalityCode: string | null,
  day: Day,
): Succession | undefined {
  const alias = findAlias(data.aliases, name);
  if (!alias) return undefined;
  const own = municipalityCode === null ? undefined : findMunicipality(data, municipalityCode, day);
  const covered = own
    ? [own]
    : data.municipalities.filter(
        (municipality) =>
          inForce(municipality, day) && (alias.regions === null || alias.regions.includes(municipality.region)),
      );
  return { alias, agencies: [...new Set(covered.map((municipality) => successorFor(alias, municipality)))].sort() };
}
