import { Inject, Injectable } from '@nestjs/common';
import { AppError, type ConsentId, type Pseudonym } from '#kernel';
import type { AvailableConsent } from '../domain/choose-basis.js';
import { ConsentStore } from '../infra/consent-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { knownConsents } from './known-consents.js';

/** Consents that may lift secrecy: those of which the hub tells this agency, and those that it collected itself. */
@Injectable()
export class FindConsents {
  constructor(@Inject(ConsentStore) private readonly consents: ConsentStore) {}

  /** In force as far as is known. With the hub away, the agency's own records. */
  async inForce(agency: ServedAgency, subjects: readonly Pseudonym[]): Promise<AvailableConsent[]> {
    return (await Promise.all(subjects.map((subject) => this.inForceOf(agency, subject)))).flat();
  }

  private async inForceOf(agency: ServedAgency, subject: Pseudonym): Promise<AvailableConsent[]> {
    try {
      const known = knownConsents(await agency.hub.consentsOf(subject));
      return known.filter(({ state }) => state === 'active');
    } catch (error) {
      if (!(error instanceof AppError) || error.status < 500) throw error;
      const own = await this.consents.list(agency.id, subject, 50);
      return own
        .filter(({ state }) => state === 'recorded')
        .map(({ id, version, record }) => ({ id, version, record }));
    }
  }

  /** The version of a consent that a case worker named, whether or not it covers what is asked: the hub judges that. */
  async named(agency: ServedAgency, id: ConsentId, subject: Pseudonym): Promise<{ id: ConsentId; version: number }> {
    const own = await this.consents.find(agency.id, id);
    if (own) return { id, version: own.version };
    const versions = knownConsents(await agency.hub.consentsOf(subject)).filter((consent) => consent.id === id);
    return { id, version: Math.max(1, ...versions.map(({ version }) => version)) };
  }
}
