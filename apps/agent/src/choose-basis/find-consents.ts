import { Inject, Injectable } from '@nestjs/common';
import { joinedWith, type JoinedPseudonyms } from '#envelope';
import { AppError, type ConsentId, type Pseudonym } from '#kernel';
import type { AvailableConsent } from '../domain/choose-basis.js';
import { ConsentStore } from '../infra/consent-store.js';
import { LinkStore } from '../infra/link-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { KnownConsents } from './known-consents.js';

/** Consents from which a basis is chosen, with the links by which they are about the persons asked for. */
export interface AvailableConsents {
  readonly consents: readonly AvailableConsent[];
  readonly links: readonly JoinedPseudonyms[];
}

/** Consents that may lift secrecy: those of which the hub tells this agency, and those that it collected itself. */
@Injectable()
export class FindConsents {
  constructor(
    @Inject(ConsentStore) private readonly consents: ConsentStore,
    @Inject(LinkStore) private readonly links: LinkStore,
    @Inject(KnownConsents) private readonly known: KnownConsents,
  ) {}

  /** In force as far as is known. With the hub away, the agency's own records and links. */
  async inForce(agency: ServedAgency, subjects: readonly Pseudonym[]): Promise<AvailableConsents> {
    try {
      const { consents, links } = await this.known.aboutAll(agency, subjects);
      return { consents: consents.filter(({ state }) => state === 'active'), links };
    } catch (error) {
      if (!(error instanceof AppError) || error.status < 500) throw error;
      const links = await this.links.among(agency.id, subjects);
      const persons = subjects.flatMap((subject) => [...joinedWith(subject, links)]);
      const own = await this.consents.list(agency.id, persons, 50);
      const recorded = own.filter(({ state }) => state === 'recorded');
      return { consents: recorded.map(({ id, version, record }) => ({ id, version, record })), links };
    }
  }

  /** The version of a consent that a case worker named, whether or not it covers what is asked: the hub judges that. */
  async named(agency: ServedAgency, id: ConsentId, subject: Pseudonym): Promise<{ id: ConsentId; version: number }> {
    const own = await this.consents.find(agency.id, id);
    if (own) return { id, version: own.version };
    const { consents } = await this.known.about(agency, subject);
    const versions = consents.filter((consent) => consent.id === id);
    return { id, version: Math.max(1, ...versions.map(({ version }) => version)) };
  }
}
