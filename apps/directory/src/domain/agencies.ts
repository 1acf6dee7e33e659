import type { Day } from '#calendar';
import { inForce } from '#catalogue';
import { type AgencyId, type PartyKind, agencyId, partyKindOf } from '#kernel';
import { municipalityName } from './display-name.js';
import type { Agency, Area, LanguageClass, Municipality, ReferenceData, Territory } from './reference-records.js';

/** County code of Åland: it has its own Act and parties. */
const ALAND_COUNTY = '91';

export const municipalityAgency = (code: string): AgencyId => agencyId(`K-${code}`);
export const employmentAuthority = (employmentAreaCode: string): AgencyId => agencyId(`T-${employmentAreaCode}`);
export const countyAgency = (countyCode: string): AgencyId => agencyId(`H-${countyCode}`);
export const economicDevelopmentCentre = (centreCode: string): AgencyId => agencyId(`E-${centreCode}`);

/** Agencies that answer in the whole country. */
const nationalAgencies: Readonly<Partial<Record<PartyKind, AgencyId>>> = {
  L: agencyId('L-KELA'),
  M: agencyId('M-MIGRI'),
  D: agencyId('D-DVV'),
};

/** The agency of this kind for a client of the municipality; undefined where the kind has none that follows from it. */
export function agencyOfKind(kind: PartyKind, municipality: Municipality | null): AgencyId | undefined {
  if (!municipality) return nationalAgencies[kind];
  switch (kind) {
    case 'K':
      return municipalityAgency(municipality.code);
    case 'T':
      return employmentAuthority(municipality.employmentArea);
    case 'H':
      return countyAgency(municipality.county);
    default:
      return nationalAgencies[kind];
  }
}

export const territoryOf = ({ county }: Municipality): Territory => (county === ALAND_COUNTY ? 'aland' : 'mainland');

export const findMunicipality = (data: ReferenceData, code: string, day: Day): Municipality | undefined =>
  data.municipalities.find((municipality) => municipality.code === code && inForce(municipality, day));

const languagesOf: Readonly<Record<LanguageClass, Agency['languages']>> = {
  fi: ['fi'],
  'fi-sv': ['fi', 'sv'],
  'sv-fi': ['sv', 'fi'],
  sv: ['sv'],
};

/** An area serves in both languages when one of its municipalities is bilingual or they differ; the majority's first. */
function languagesOfArea(municipalities: readonly Municipality[]): Agency['languages'] {
  const used = new Set(municipalities.flatMap(({ languageClass }) => languagesOf[languageClass]));
  if (used.size < 2) return [...used];
  const swedishSpeaking = municipalities.filter(({ languageClass }) => languageClass.startsWith('sv')).length;
  return swedishSpeaking * 2 > municipalities.length ? ['sv', 'fi'] : ['fi', 'sv'];
}

const agency = (id: AgencyId, names: Agency['names'], languages: Agency['languages']): Agency => {
  const kind: PartyKind = partyKindOf(id);
  return { id, kind, names, languages };
};

const employmentAuthorityNames = ({ names }: Area): Agency['names'] => ({
  fi: `Työvoimaviranomainen, ${names.fi}`,
  sv: `Arbetskraftsmyndigheten, ${names.sv}`,
  en: `Employment authority, ${names.en}`,
});

/**
 * Every agency that follows from the reference data on the day: municipalities, employment authorities, counties, economic
 * development centres and the ones with names of their own. Being listed is not being onboarded.
 */
export function statutoryAgencies(data: ReferenceData, day: Day): readonly Agency[] {
  const municipalities = data.municipalities.filter((municipality) => inForce(municipality, day));
  const membersBy = (key: 'county' | 'employmentArea' | 'vitalityCentre', code: string) =>
    languagesOfArea(municipalities.filter((municipality) => municipality[key] === code));
  const current = (areas: readonly Area[]) => areas.filter((area) => inForce(area, day));
  const derived = [
    ...municipalities.map((municipality) =>
      agency(
        municipalityAgency(municipality.code),
        {
          fi: municipalityName(municipality, 'fi'),
          sv: municipalityName(municipality, 'sv'),
          en: municipalityName(municipality, 'en'),
        },
        languagesOf[municipality.languageClass],
      ),
    ),
    ...current(data.employmentAreas).map((area) =>
      agency(employmentAuthority(area.code), employmentAuthorityNames(area), membersBy('employmentArea', area.code)),
    ),
    ...current(data.counties).map((area) =>
      agency(countyAgency(area.code), area.names, membersBy('county', area.code)),
    ),
    ...current(data.vitalityCentres).map((area) =>
      agency(economicDevelopmentCentre(area.code), area.names, membersBy('vitalityCentre', area.code)),
    ),
  ];
  const named = data.namedAgencies
    .filter((record) => inForce(record, day))
    .map(({ id, names, languages }) => agency(id, names, languages));
  const namedIds = new Set(named.map(({ id }) => id));
  return [...derived.filter(({ id }) => !namedIds.has(id)), ...named];
}

/** Every agency id that the reference data knows, whatever the day. */
export const allAgencyIds = (data: ReferenceData): ReadonlySet<AgencyId> =>
  new Set([
    ...data.municipalities.map(({ code }) => municipalityAgency(code)),
    ...data.employmentAreas.map(({ code }) => employmentAuthority(code)),
    ...data.counties.map(({ code }) => countyAgency(code)),
    ...data.vitalityCentres.map(({ code }) => economicDevelopmentCentre(code)),
    ...data.namedAgencies.map(({ id }) => id),
  ]);
