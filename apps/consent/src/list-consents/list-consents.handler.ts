import { Inject, Injectable } from '@nestjs/common';
import type { Consent as ConsentMessage } from '#contracts';
import type { AgencyId, Clock, Pseudonym } from '#kernel';
import { CLOCK, Database } from '#platform';
import { isParty, stateAt } from '../domain/consent-state.js';
import { consentsAbout, readUses } from '../infra/consents.js';

@Injectable()
export class ListConsents {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Consents about a subject in which the agency is a party, oldest first, each in its newest version. */
  async list(agency: AgencyId, subject: Pseudonym): Promise<ConsentMessage[]> {
    const consents = (await consentsAbout(this.database, subject)).filter(({ record }) => isParty(record, agency));
    const uses = await readUses(
      this.database,
      consents.map(({ id }) => id),
    );
    const now = this.clock.now();
    return consents.map((consent) => ({
      record: consent.token,
      state: stateAt(consent, consent.version, now),
      uses: uses.filter(({ consentId }) => consentId === consent.id).length,
      changedAt: consent.changedAt,
      proposal: '',
      consentId: consent.id,
      version: consent.version,
      used: [],
      acts: [],
      endedAt: consent.endedAt,
    }));
  }
}
