import type { AgencyId } from '#kernel';
import type { Concerning } from '../see-client/see-client.handler.js';
import type { Matter } from './read-account.js';

export interface Contact {
  readonly agency: AgencyId;
  /** Empty where the directory has none. */
  readonly telephone: string;
}

/** One consent or question as its client sees it. */
export interface AccountMatter extends Matter {
  /** Here by one call; elsewhere by telephone; nothing where it has ended. */
  readonly withdraw: 'here' | 'elsewhere' | 'nothing';
  /** Whom to call, where it is not here. Nobody is named where names are withheld. */
  readonly contacts: readonly Contact[];
}

/** Somebody looked in an emergency at entries of the log about the person in which the hosting agency is a party. */
export interface EmergencyLook {
  readonly at: string;
  /** Left out where names are withheld. */
  readonly agency?: AgencyId;
  /** Of its entry. */
  readonly type: string;
  readonly logIndex: number;
}

/** Everything about a person: the hub's account, and what the hosting agency itself has asked, given and opened. */
export interface Account extends Concerning {
  readonly matters: readonly AccountMatter[];
  /** As the disclosure report lists them, oldest first. */
  readonly emergencyLooks: readonly EmergencyLook[];
  readonly namesWithheld: boolean;
  /** Shown to somebody who decides for the person. */
  readonly isOther: boolean;
}
