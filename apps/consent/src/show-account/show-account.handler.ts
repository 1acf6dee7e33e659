import { Inject, Injectable } from '@nestjs/common';
import { linksBetween } from '#envelope';
import { type AgencyId, AppError, type Clock, numericDate, type Pseudonym } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database, type DirectoryView, DirectoryWatch } from '#platform';
import { namesWithheldFrom, viewerMaySee } from '../domain/account-rules.js';
import { verifyByAgency } from '../infra/agency-statement.js';
import { readAccount } from '../infra/account.js';
import { subjectEvent } from '../infra/consent-event.js';
import { mattersAbout } from '../infra/consents.js';
import { excludedDeciders, linkedPseudonyms, linksAmong } from '../infra/subjects.js';
import type { ListedConsents } from '../list-consents/list-consents.handler.js';

export const ACCOUNT_HOSTS = Symbol('AccountHosts');

/** An account is shown to somebody who was identified just now. */
const MAX_AGE_S = 300;
const SKEW_S = 60;

@Injectable()
export class ShowAccount {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DirectoryWatch) private readonly directory: DirectoryView,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(ACCOUNT_HOSTS) private readonly hosts: ReadonlySet<AgencyId>,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Everything about a person, whichever agency is concerned: what was asked, agreed, done and used. Only through an agency
   * that hosts accounts and has signed whom it identified, strongly and a moment ago. Shown when that stands in the outbox for
   * the log.
   *
   * @throws AppError as `verifyByAgency`; FORBIDDEN (no host, not strongly or not just now identified), MALFORMED (another
   * subject), DECIDER_NOT_ENTITLED, DECIDER_EXCLUDED (somebody else looks who may not)
   */
  async show(agency: AgencyId, subject: Pseudonym, token: string): Promise<ListedConsents> {
    if (!this.hosts.has(agency)) throw new AppError('FORBIDDEN', 'this agency hosts no accounts');
    const identified = await verifyByAgency(
      { directory: this.directory, clock: this.clock },
      'account-identification',
      token,
      agency,
      { signerOf: (payload) => payload.agency },
    );
    const now = this.clock.now();
    if (identified.subject !== subject) throw new AppError('MALFORMED', undefined, { field: 'subject' });
    if (identified.level === 'low') throw new AppError('FORBIDDEN', 'the account needs strong identification');
    for (const instant of [identified.authTime, identified.iat]) {
      const age = numericDate(now) - instant;
      if (age > MAX_AGE_S || age < -SKEW_S) throw new AppError('FORBIDDEN', 'nobody was identified just now');
    }
    const { viewer } = identified;
    const subjects = await linkedPseudonyms(this.database, subject);
    const matters = await mattersAbout(this.database, subjects);
    const terms = matters.map((matter) => matter.terms);
    if (viewer !== undefined) {
      const may = viewerMaySee(viewer, terms, await excludedDeciders(this.database, subjects));
      if (!may.ok) throw may.error;
    }
    const about = new Set(terms.map((one) => one.subject));
    const links = subjects.length > 1 ? await linksAmong(this.database, subjects) : [];
    const withheld = viewer !== undefined && namesWithheldFrom(viewer, terms);
    const account = await readAccount(this.database, matters, now, withheld);
    const event = subjectEvent({
      type: 'account-shown',
      subjects: [subject],
      actor: { agency },
      at: now,
      evidence: { kind: 'account-identification', token },
    });
    await this.database.transaction((client) => this.outbox.enqueue(client, [event]));
    this.relay.wake();
    return {
      consents: account,
      links: withheld ? [] : linksBetween(subject, about, links).map(({ statement }) => statement),
    };
  }
}
