import { Inject, Injectable } from '@nestjs/common';
import type { AgencyId, Clock } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database, type DirectoryView, DirectoryWatch } from '#platform';
import { assertFresh, verifyByAgency } from '../infra/agency-statement.js';
import { subjectEvent } from '../infra/consent-event.js';
import { keepStatement, type KeptStatement } from '../infra/subjects.js';

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
   * on, at every agency. What is excluded already is answered as before.
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
    assertFresh({ iat }, this.clock.now());
    const kept = await this.database.transaction(async (client) => {
      const at = this.clock.now();
      const event = subjectEvent({
        type: 'decider-excluded',
        subjects: [subject],
        actor: { agency, worker },
        at,
        evidence: { kind: 'decider-exclusion', token },
      });
      const { eventId } = event;
      const exclusion = await keepStatement(client, 'decider-exclusion', {
        agency,
        jti,
        subject,
        other: decider,
        token,
        eventId,
        recordedAt: at,
      });
      if (exclusion.isNew) await this.outbox.enqueue(client, [event]);
      return exclusion;
    });
    this.relay.wake();
    return kept;
  }
}
