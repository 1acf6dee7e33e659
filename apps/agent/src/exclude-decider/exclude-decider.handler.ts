import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { readStatement } from '#envelope';
import { AppError, type Clock, numericDate } from '#kernel';
import { CLOCK, Database } from '#platform';
import { ProposalStore } from '../infra/proposal-store.js';
import { StatementStore } from '../infra/statement-store.js';
import type { ToldDto } from '../link-subject/link-subject.dto.js';
import { everyPseudonymOf, subjectOf } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { TellStatements } from '../tell-consents/tell-statements.js';
import type { ExcludeDeciderDto } from './exclude-decider.dto.js';

/** Tells the hub that somebody may not decide for a client, and remembers it here. */
@Injectable()
export class ExcludeDecider {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ProposalStore) private readonly proposals: ProposalStore,
    @Inject(TellStatements) private readonly statements: TellStatements,
    @Inject(StatementStore) private readonly kept: StatementStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError IDENTITY_CODE_INVALID, MALFORMED (somebody for themselves), and the hub's refusals */
  async exclude(agency: ServedAgency, wish: ExcludeDeciderDto): Promise<ToldDto> {
    const [subject, decider] = [subjectOf(agency, wish.client).pseudonym, subjectOf(agency, wish.decider).pseudonym];
    if (subject === decider) throw new AppError('MALFORMED', 'nobody is excluded from their own matter');
    await this.bringAgain(agency, wish);
    const at = this.clock.now();
    const token = await this.statements.sign(agency, 'decider-exclusion', {
      v: 1,
      subject,
      decider,
      reason: 'conflict-of-interest',
      agency: agency.id,
      worker: agency.workerPseudonym(wish.officer.name),
      jti: randomUUID(),
      iat: numericDate(at),
    });
    const seq = await this.database.transaction(async (client) => {
      await this.proposals.exclude(
        client,
        agency.id,
        { subject, decider, client: wish.client, person: wish.decider },
        at,
      );
      return this.statements.keep(client, agency, { kind: 'decider-exclusion', token });
    });
    return { state: (await this.statements.tellNow(agency, seq)).state };
  }

  /**
   * What was told before about the same two comes to the hub as it was signed then: should a restored backup have lost it, the hub
   * knows who is meant by that statement alone, and lets nobody decide until it has it again.
   */
  private async bringAgain(agency: ServedAgency, { client, decider }: ExcludeDeciderDto): Promise<void> {
    const [subjects, deciders] = [everyPseudonymOf(agency, client), everyPseudonymOf(agency, decider)];
    for (const token of await this.kept.toldOf(agency.id, 'decider-exclusion')) {
      const read = readStatement('decider-exclusion', token);
      if (!read.ok || !subjects.includes(read.value.payload.subject)) continue;
      if (!deciders.includes(read.value.payload.decider)) continue;
      await agency.hub.excludeDecider(token).catch((error: unknown) => {
        // Known, and older than what may be said for the first time; or the hub is away.
        if (!(error instanceof AppError)) throw error;
      });
    }
  }
}
