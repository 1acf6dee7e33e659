import type { Day } from '#calendar';
import { type Names, type Validity, inForce } from '#catalogue';
import type { AgencyId } from '#kernel';
import { countyAgency, employmentAuthority, findMunicipality, municipalityAgency, territoryOf } from './agencies.js';
import type { Municipality, ReferenceData, RoutingRule } from './reference-records.js';

/** What an agency's administrator keeps up to date, so that a message reaches a desk and not a person on leave. */
export interface MailboxContact extends Validity {
  readonly agency: AgencyId;
  /** null: for every duty that has no contact of its own. */
  readonly duty: string | null;
  readonly functionalMailbox: string;
  readonly deputy: string | null;
  readonly telephone: string;
  readonly lastConfirmed: Day;
}

/** A duty moved by contract, or one that reference data cannot know, such as the reception centre that answers. */
export interface Responsibility extends Validity {
  /** Municipality code; null: for clients without a home municipality. */
  readonly municipality: string | null;
  readonly duty: string;
  /** null: for every client group. */
  readonly clientGroup: string | null;
  readonly agency: AgencyId;
}

export interface RoutingKey {
  /** Home municipality on the day; null: the client has none. */
  readonly municipality: string | null;
  readonly duty: string;
  /** null: unknown, or of no importance for the duty. */
  readonly clientGroup: string | null;
  readonly day: Day;
}

export interface RoutingTables {
  readonly reference: ReferenceData;
  readonly responsibilities: readonly Responsibility[];
  readonly contacts: readonly MailboxContact[];
}

/** The rule that decided: `contract`, `reception-centre`, or the code of a statutory default. */
export interface DecidedBy {
  readonly code: string;
  readonly names: Names;
}

export type Nobody =
  | 'municipality-unknown'
  | 'duty-unknown'
  | 'client-group-needed'
  | 'client-group-unknown'
  | 'no-home-municipality'
  | 'no-rule-on-that-day';

export type Route =
  | {
      readonly answers: true;
      readonly agency: AgencyId;
      readonly rule: DecidedBy;
      /** Category to ask this agency first; only then is it known who answers for the matter. */
      readonly askFirst: number | null;
      /** null: nobody has named a mailbox yet, so the printable request and the switchboard remain. */
      readonly contact: MailboxContact | null;
    }
  | { readonly answers: false; readonly reason: Nobody; readonly advice: Names };

const contractRule: DecidedBy = {
  code: 'contract',
  names: { fi: 'Tehtävä on siirretty sopimuksella', sv: 'Uppgiften är överförd genom avtal', en: 'Moved by contract' },
};
const receptionCentreRule: DecidedBy = {
  code: 'reception-centre',
  names: {
    fi: 'Ei kotikuntaa: vastaanottokeskus vastaa',
    sv: 'Ingen hemkommun: förläggningen svarar',
    en: 'No home municipality: the reception centre answers',
  },
};

const advice: Readonly<Record<Nobody, Names>> = {
  'municipality-unknown': {
    fi: 'Kuntanumeroa ei ole sinä päivänä. Tarkistakaa kotikunta.',
    sv: 'Kommunnumret finns inte den dagen. Kontrollera hemkommunen.',
    en: 'There is no municipality of this number on the day. Check the home municipality.',
  },
  'duty-unknown': {
    fi: 'Tehtävää ei ole luettelossa.',
    sv: 'Uppgiften finns inte i förteckningen.',
    en: 'The list has no such duty.',
  },
  'client-group-needed': {
    fi: 'Kertokaa, onko asiakas rekisteröity työnhakijaksi, tai ettei sitä tiedetä.',
    sv: 'Ange om kunden är registrerad arbetssökande, eller att det inte är känt.',
    en: 'State whether the client is a registered jobseeker, or that it is not known.',
  },
  'client-group-unknown': {
    fi: 'Asiakasryhmää ei ole luettelossa.',
    sv: 'Kundgruppen finns inte i förteckningen.',
    en: 'The list has no such client group.',
  },
  'no-home-municipality': {
    fi: 'Asiakkaalla ei ole kotikuntaa. Kysykää vastaanottokeskukselta; sen postilaatikkoa ei ole hakemistossa.',
    sv: 'Kunden har ingen hemkommun. Fråga förläggningen; dess brevlåda finns inte i katalogen.',
    en: 'The client has no home municipality. Ask the reception centre; its mailbox is not in the directory.',
  },
  'no-rule-on-that-day': {
    fi: 'Kukaan ei vastaa tästä asiasta sinä päivänä hakemiston mukaan.',
    sv: 'Ingen svarar för ärendet den dagen enligt katalogen.',
    en: 'According to the directory nobody answers for this matter on that day.',
  },
};

const nobody = (reason: Nobody): Route => ({ answers: false, reason, advice: advice[reason] });

/** The contact for the duty, else the agency's general one. */
export const contactOf = (
  contacts: readonly MailboxContact[],
  agency: AgencyId,
  duty: string,
  day: Day,
): MailboxContact | null => {
  const current = contacts.filter((contact) => contact.agency === agency && inForce(contact, day));
  return current.find((contact) => contact.duty === duty) ?? current.find((contact) => contact.duty === null) ?? null;
};

const contractFor = ({ responsibilities }: RoutingTables, key: RoutingKey): Responsibility | undefined => {
  const fitting = responsibilities.filter(
    (row) =>
      row.municipality === key.municipality &&
      row.duty === key.duty &&
      (row.clientGroup === null || row.clientGroup === key.clientGroup) &&
      inForce(row, key.day),
  );
  return fitting.find(({ clientGroup }) => clientGroup !== null) ?? fitting[0];
};

const ruleFor = (rules: readonly RoutingRule[], key: RoutingKey, municipality: Municipality | null) =>
  rules.find(
    (rule) =>
      inForce(rule, key.day) &&
      rule.duties.includes(key.duty) &&
      (rule.clientGroups === null || (key.clientGroup !== null && rule.clientGroups.includes(key.clientGroup))) &&
      (rule.territory === 'finland' || (municipality !== null && rule.territory === territoryOf(municipality))),
  );

function agencyOf(rule: RoutingRule, municipality: Municipality | null): AgencyId | undefined {
  if (rule.answeredBy === 'agency') return rule.agency;
  if (!municipality) return undefined;
  switch (rule.answeredBy) {
    case 'municipality':
      return municipalityAgency(municipality.code);
    case 'employment-authority':
      return employmentAuthority(municipality.employmentArea);
    case 'county':
      return countyAgency(municipality.county);
  }
}

/**
 * Who answers for a matter (design page 5, Routing). A contract row goes before the statutory default; a client without a
 * home municipality belongs to the reception centre, except in duties that one agency answers for in the whole country.
 */
export function route(tables: RoutingTables, key: RoutingKey): Route {
  const { reference, contacts } = tables;
  const known = (list: readonly { readonly code: string }[], code: string) => list.some((item) => item.code === code);
  if (!known(reference.duties, key.duty)) return nobody('duty-unknown');
  if (key.clientGroup !== null && !known(reference.clientGroups, key.clientGroup)) {
    return nobody('client-group-unknown');
  }
  const municipality = key.municipality === null ? null : findMunicipality(reference, key.municipality, key.day);
  if (municipality === undefined) return nobody('municipality-unknown');

  const answer = (agency: AgencyId, rule: DecidedBy, askFirst: number | null): Route => ({
    answers: true,
    agency,
    rule: { code: rule.code, names: rule.names },
    askFirst,
    contact: contactOf(contacts, agency, key.duty, key.day),
  });

  const contract = contractFor(tables, key);
  if (contract) return answer(contract.agency, municipality ? contractRule : receptionCentreRule, null);

  const rule = ruleFor(reference.routingRules, key, municipality);
  const agency = rule && agencyOf(rule, municipality);
  if (rule && agency) return answer(agency, rule, rule.askFirst ?? null);
  if (!municipality) return nobody('no-home-municipality');
  const dependsOnGroup = reference.routingRules.some(
    (candidate) => candidate.duties.includes(key.duty) && candidate.clientGroups !== null,
  );
  return nobody(dependsOnGroup && key.clientGroup === null ? 'client-group-needed' : 'no-rule-on-that-day');
}
