import { Inject, Injectable } from '@nestjs/common';
import type { Consent as ConsentMessage } from '#contracts';
import { linksBetween, partiesOf } from '#envelope';
import type { AgencyId, Clock, Pseudonym } from '#kernel';
import { CLOCK, Database } from '#platform';
import { readAccount } from '../infra/account.js';
import { mattersAbout } from '../infra/consents.js';
import { linkedPseudonyms, linksAmong } from '../infra/subjects.js';

export interface ListedConsents {
  /** Oldest first, each in its newest version. */
  readonly consents: ConsentMessage[];
  /** Links, as signed, by which they are about the person under another pseudonym than the one asked for. */
  readonly links: string[];
}

@Injectable()
export class ListConsents {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Consents and proposals about a person, under every pseudonym that links join, in which the agency is a party. */
  async list(agency: AgencyId, subject: Pseudonym): Promise<ListedConsents> {
    const persons = await linkedPseudonyms(this.database, subject);
    const matters = await mattersAbout(this.database, persons);
    const shown = matters.filter(({ terms }) => partiesOf(terms).includes(agency));
    const links = persons.length > 1 && shown.length > 0 ? await linksAmong(this.database, persons) : [];
    const about = new Set(shown.map(({ terms }) => terms.subject));
    return {
      consents: await readAccount(this.database, shown, this.clock.now()),
      links: linksBetween(subject, about, links).map(({ statement }) => statement),
    };
  }
}
