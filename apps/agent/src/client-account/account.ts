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

/** Everything about a person: the hub's account, and what the hosting agency itself has asked, given and opened. */
export interface Account extends Concerning {
  readonly matters: readonly AccountMatter[];
  readonly namesWithheld: boolean;
  /** Shown to somebody who decides for the person. */
  readonly isOther: boolean;
}
