import { Inject, Injectable } from '@nestjs/common';
import { partiesOf, statementHash } from '#envelope';
import { type AgencyId, AppError, type Clock } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database, type DirectoryView, DirectoryWatch } from '#platform';
import { assertFresh, verifyByAgency } from '../infra/agency-statement.js';
import { subjectEvent } from '../infra/consent-event.js';
import { mattersAbout } from '../infra/consents.js';
import { endUndecided } from '../exclude-decider/end-undecided.js';
import { bringAgain, isLost, keepStatement, type KeptStatement } from '../infra/subjects.js';

@Injectable()
export class LinkSubject {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DirectoryWatch) private readonly directory: DirectoryView,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Two pseudonyms name one person: a later identity code joins an earlier number. Told by an agency that is a party to a
   * consent or a proposal about one of them. What is linked already is answered as before, and
   * what was lost with a restored backup may be brought again.
   *
   * @throws AppError as `verifyByAgency` and `keepStatement`; NOT_FOUND (no party to anything about either)
   */
  async link(agency: AgencyId, token: string): Promise<KeptStatement> {
    const { subject, earlier, jti, worker, iat } = await verifyByAgency(
      { directory: this.directory, clock: this.clock },
      'subject-link',
      token,
      agency,
      { signerOf: (payload) => payload.agency },
    );
    const hash = statementHash(token);
    if (!(await isLost(this.database, 'subject-link', hash))) assertFresh({ iat }, this.clock.now());
    const kept = await this.database.transaction(async (client) => {
      const about = await mattersAbout(client, [subject, earlier]);
      if (!about.some(({ terms }) => partiesOf(terms).includes(agency))) throw new AppError('NOT_FOUND');
      const at = this.clock.now();
      const event = subjectEvent({
        type: 'subject-linked',
        subjects: [subject, earlier],
        actor: { agency, worker },
        at,
        evidence: { kind: 'subject-link', token },
      });
      const said = { agency, subject, other: earlier };
      const before = await bringAgain(client, 'subject-link', { ...said, hash, at });
      const { eventId, recordedAt } = before ?? { eventId: event.eventId, recordedAt: at };
      const link = await keepStatement(client, 'subject-link', { ...said, jti, token, eventId, recordedAt });
      // An exclusion reaches over the link from now on.
      const ended = link.isNew ? await endUndecided(client, subject, at) : [];
      await this.outbox.enqueue(client, link.isNew && !before ? [event, ...ended] : ended);
      return link;
    });
    this.relay.wake();
    return kept;
  }
}
