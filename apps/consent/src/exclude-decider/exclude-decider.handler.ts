import { Inject, Injectable } from '@nestjs/common';
import { statementHash } from '#envelope';
import type { AgencyId, Clock } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database, type DirectoryView, DirectoryWatch } from '#platform';
import { assertFresh, verifyByAgency } from '../infra/agency-statement.js';
import { subjectEvent } from '../infra/consent-event.js';
import { endUndecided } from './end-undecided.js';
import { bringAgain, isLost, keepStatement, type KeptStatement } from '../infra/subjects.js';

@Injectable()
export class ExcludeDecider {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DirectoryWatch) private readonly directory: DirectoryView,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Somebody may not decide for a person, because their interests conflict: holds for what is recorded and resumed from now
   * on, at every agency, and ends what runs on that decision alone. What is excluded already is answered as before, and what
   * was lost with a restored backup may be brought again.
   *
   * @throws AppError as `verifyByAgency` and `keepStatement`
   */
  async exclude(agency: AgencyId, token: string): Promise<KeptStatement> {
    const { subject, decider, jti, worker, iat } = await verifyByAgency(
      { directory: this.directory, clock: this.clock },
      'decider-exclusion',
      token,
      agency,
      { signerOf: (payload) => payload.agency },
    );
    const hash = statementHash(token);
    if (!(await isLost(this.database, 'decider-exclusion', hash))) assertFresh({ iat }, this.clock.now());
    const kept = await this.database.transaction(async (client) => {
      const at = this.clock.now();
      const event = subjectEvent({
        type: 'decider-excluded',
        subjects: [subject],
        actor: { agency, worker },
        at,
        evidence: { kind: 'decider-exclusion', token },
      });
      const said = { agency, subject, other: decider };
      const before = await bringAgain(client, 'decider-exclusion', { ...said, hash, at });
      const { eventId, recordedAt } = before ?? { eventId: event.eventId, recordedAt: at };
      const exclusion = await keepStatement(client, 'decider-exclusion', { ...said, jti, token, eventId, recordedAt });
      const ended = exclusion.isNew ? await endUndecided(client, subject, at) : [];
      await this.outbox.enqueue(client, exclusion.isNew && !before ? [event, ...ended] : ended);
      return exclusion;
    });
    this.relay.wake();
    return kept;
  }
}
