import type { Catalogue, Names, Provenance, Validity } from '#catalogue';
import type { AgencyId, PartyKind } from '#kernel';

export type Territory = 'mainland' | 'aland';

/** Official languages of a municipality, the majority's first. */
export type LanguageClass = 'fi' | 'fi-sv' | 'sv-fi' | 'sv';

interface Sourced {
  readonly source: string;
}

export interface Municipality extends Validity, Sourced {
  /** Three digits, zeros kept. */
  readonly code: string;
  readonly nameFi: string;
  readonly nameSv: string;
  readonly region: string;
  readonly county: string;
  readonly employmentArea: string;
  readonly vitalityCentre: string;
  readonly kelaServiceArea: string;
  readonly languageClass: LanguageClass;
  readonly population2022: number;
  readonly sizeClass: '<10000' | '10000-50000' | '>50000';
}

/** A county, employment area, region, centre or service area. */
export interface Area extends Validity, Sourced {
  readonly code: string;
  readonly names: Names;
}

export interface Country extends Sourced {
  readonly alpha2: string;
  readonly alpha3: string;
  readonly numeric: string;
  readonly names: Names;
}

export interface Language extends Sourced {
  /** ISO 639 code, with a region where the script or standard differs (`fa-AF`). */
  readonly code: string;
  readonly names: Names;
  /** Own name of the language; null where the source has none. */
  readonly endonym: string | null;
  readonly direction: 'ltr' | 'rtl';
}

export interface CodedName extends Validity, Provenance {
  readonly code: string;
  readonly names: Names;
}

/** A statutory default of routing. Contract rows go before it. */
export interface RoutingRule extends CodedName {
  readonly territory: Territory | 'finland';
  readonly duties: readonly string[];
  /** null: whatever the client group. */
  readonly clientGroups: readonly string[] | null;
  readonly answeredBy: 'municipality' | 'employment-authority' | 'county' | 'agency';
  /** The agency, where `answeredBy` is `agency`. */
  readonly agency?: AgencyId;
  /** Category to ask first, before the matter itself is asked from anybody. */
  readonly askFirst?: number;
}

/** An authority that no longer exists under this name, and how its successor is found. */
export interface Alias extends CodedName {
  readonly kind: 'te-office' | 'ely-centre' | 'employment-pilot';
  readonly otherNames: readonly string[];
  /** Region codes of its area; null for the general name. */
  readonly regions: readonly string[] | null;
  readonly successor: 'employment-authority' | 'economic-development-centre';
}

/** An agency whose name does not follow from municipality, area or county. */
export interface NamedAgency extends Validity, Provenance {
  readonly id: AgencyId;
  readonly names: Names;
  readonly shortNames: Names;
  readonly languages: readonly ('fi' | 'sv')[];
}

/** A legal person with the agencies (units with keys and a mailbox) that it has. */
export interface Organisation extends Validity, Provenance {
  readonly businessId: string;
  readonly names: Names;
  readonly units: readonly AgencyId[];
}

export interface Agency {
  readonly id: AgencyId;
  readonly kind: PartyKind;
  readonly names: Names;
  readonly languages: readonly ('fi' | 'sv')[];
}

export interface ReferenceData {
  readonly municipalities: readonly Municipality[];
  readonly counties: readonly Area[];
  readonly employmentAreas: readonly Area[];
  readonly regions: readonly Area[];
  readonly vitalityCentres: readonly Area[];
  readonly kelaServiceAreas: readonly Area[];
  readonly countries: readonly Country[];
  readonly languages: readonly Language[];
  readonly duties: readonly CodedName[];
  readonly clientGroups: readonly CodedName[];
  readonly routingRules: readonly RoutingRule[];
  readonly aliases: readonly Alias[];
  readonly namedAgencies: readonly NamedAgency[];
  readonly organisations: readonly Organisation[];
  readonly catalogue: Catalogue;
}
