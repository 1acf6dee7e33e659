import { Inject, Injectable } from '@nestjs/common';
import type { Consent as ConsentMessage } from '#contracts';
import { partiesOf } from '#envelope';
import type { AgencyId, Clock, Pseudonym } from '#kernel';
import { CLOCK, Database } from '#platform';
import { readAccount } from '../infra/account.js';

@Injectable()
export class ListConsents {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Consents and proposals about a person, under every pseudonym that links join, in which the agency is a party; oldest
   * first, each in its newest version.
   */
  list(agency: AgencyId, subject: Pseudonym): Promise<ConsentMessage[]> {
    return readAccount(this.database, subject, this.clock.now(), {
      isShown: (terms) => partiesOf(terms).includes(agency),
    });
  }
}
