import type { DeadlineRule, Day } from '#calendar';
import type { AgencyId, PartyKind } from '#kernel';

/** Finnish and Swedish have the same standing; English is the third. */
export interface Names {
  readonly fi: string;
  readonly sv: string;
  readonly en: string;
}

/** From when to when a record holds, both days included, on the Finnish calendar; `null`: until further notice. */
export interface Validity {
  readonly validFrom: Day;
  readonly validTo: Day | null;
}

/** Where a record comes from. `confirmed` is false while nobody has compared it with the text of the law or agreement. */
export interface Provenance {
  readonly source: string;
  readonly confirmed: boolean;
  readonly note?: string;
}

/** Systems that answer without a message; shown before sending. */
export type FirstLook = 'Koto-AJ' | 'Kelmu' | 'VTJ';

/** What a municipality may ask a county for, and the like: one row of the table of information categories. */
export interface Category extends Validity, Provenance {
  readonly number: number;
  /** Name of the category in file names and addresses, e.g. `need-for-social-services`. */
  readonly slug: string;
  /** File of the JSON Schema below `schemas/`, its version in the name. */
  readonly schema: string;
  readonly names: Names;
  /** Fields, for people, before the schema is opened. */
  readonly describes: Names;
  /** Kinds of party that keep this as their own fact. */
  readonly holders: readonly PartyKind[];
  /** Kinds that may have a copy of another party's fact. They may be asked; what they answer says `secondHand`. */
  readonly secondHandHolders: readonly PartyKind[];
  readonly askers: readonly PartyKind[];
  /** True where only parties of two different kinds ask each other (consultation of the county). */
  readonly betweenKindsOnly: boolean;
  /** 1 secret, 2 welfare and benefits, 3 special category (GDPR 9) or child. */
  readonly sensitivity: 1 | 2 | 3;
  /** A person must approve the disclosure by name, title and unit. */
  readonly decides: boolean;
  /** The duty under which routing finds who answers; code of the directory's list of duties. */
  readonly duty: string;
  /** By kind of holder: where to look before asking. */
  readonly firstLook: Readonly<Partial<Record<PartyKind, FirstLook>>>;
  /** Fields that could tell where a person with a turvakielto lives; `services.organiser` goes through a list. */
  readonly withheldFromProtected?: readonly string[];
}

/** Why something is asked. */
export interface Purpose extends Validity, Provenance {
  readonly code: string;
  readonly names: Names;
}

/** Why one category is not given. */
export interface RefusalReason extends Validity, Provenance {
  readonly code: string;
  readonly names: Names;
  /** Sentence for the asker. It never says whether the person is a client, nor names a turvakielto. */
  readonly texts: Names;
  /** Provisions of the catalogue that a refusal for this reason usually states. */
  readonly provisions: readonly string[];
  /** The refusal must name the party that holds the information. */
  readonly namesHolder: boolean;
  /** The refusal must wait as long as a refusal by hand would, so that its delay tells nothing. */
  readonly delayed: boolean;
}

/**
 * What a provision does: it is the ground on which personal data is processed, it lifts secrecy, it is stated in a
 * refusal, or it sets a procedure (time limits, transfer of a matter).
 */
export type StatuteEffect = 'processing' | 'secrecyLift' | 'refusal' | 'procedure';

/** Where a provision is in force: everywhere, or only among the authorities of the mainland or of Åland. */
export const territoryCodes = ['finland', 'mainland', 'aland'] as const;
export type TerritoryCode = (typeof territoryCodes)[number];

/** Agencies of a part of the country that has legislation of its own. Every other agency is the mainland's. */
export interface Territory extends Validity, Provenance {
  readonly code: Exclude<TerritoryCode, 'finland' | 'mainland'>;
  readonly names: Names;
  readonly agencies: readonly AgencyId[];
}

/** Between whom, for what and why a provision may be used. All four must fit. */
export interface StatuteScope {
  readonly askers: readonly PartyKind[];
  readonly holders: readonly PartyKind[];
  readonly categories: readonly number[];
  readonly purposes: readonly string[];
}

/** One section of an Act during the time in which this wording of the record holds. */
export interface Statute extends Validity, Provenance {
  /** `<number of the Act>-<section>`, e.g. `681/2023-87`; for the GDPR `2016/679-6.1.c`. */
  readonly id: string;
  /** Counts up with each change of this record; a basis states which one it used. */
  readonly version: number;
  readonly act: Omit<Names, 'en'>;
  readonly section: string;
  readonly names: Omit<Names, 'en'>;
  readonly territory: TerritoryCode;
  readonly effects: readonly StatuteEffect[];
  readonly scopes: readonly StatuteScope[];
}

/** A period that the hub or an agency counts. */
export interface Deadline extends Validity, Provenance, DeadlineRule {
  readonly code: string;
  readonly names: Names;
  /** Who set it: the parties among themselves, or the law. */
  readonly setBy: 'agreement' | 'law';
  /** Provision of the catalogue, for those that the law sets. */
  readonly provision?: string;
}

/** A necessity sentence that the asker may take over and complete. */
export interface NecessityTemplate extends Validity, Provenance {
  readonly category: number;
  readonly purpose: string;
  readonly texts: Names;
}
