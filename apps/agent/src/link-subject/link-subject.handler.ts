import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { AppError, type Clock, numericDate } from '#kernel';
import { CLOCK, Database } from '#platform';
import { LinkStore } from '../infra/link-store.js';
import { ProtectedClients } from '../infra/protected-clients.js';
import { subjectOf } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { TellStatements } from '../tell-consents/tell-statements.js';
import type { LinkSubjectDto, ToldDto } from './link-subject.dto.js';

/** Tells the hub that two pseudonyms name one person. */
@Injectable()
export class LinkSubject {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(LinkStore) private readonly links: LinkStore,
    @Inject(ProtectedClients) private readonly protectedClients: ProtectedClients,
    @Inject(TellStatements) private readonly statements: TellStatements,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError IDENTITY_CODE_INVALID, MALFORMED (twice the same identifier), and the hub's refusals */
  async link(agency: ServedAgency, { client, earlier, officer }: LinkSubjectDto): Promise<ToldDto> {
    const [subject, before] = [subjectOf(agency, client).pseudonym, subjectOf(agency, earlier).pseudonym];
    if (subject === before) throw new AppError('MALFORMED', 'both name the client in the same way');
    const token = await this.statements.sign(agency, 'subject-link', {
      v: 1,
      subject,
      earlier: before,
      agency: agency.id,
      worker: agency.workerPseudonym(officer.name),
      jti: randomUUID(),
      iat: numericDate(this.clock.now()),
    });
    const seq = await this.database.transaction(async (transaction) => {
      const statement = await this.statements.keep(transaction, agency, { kind: 'subject-link', token });
      const link = { subject, earlier: before, client, former: earlier };
      const at = this.clock.now();
      await this.links.add(transaction, agency.id, link, statement, at);
      // A turvakielto is the person's, under whatever number it was told.
      const marked = await this.protectedClients.among(agency.id, [client, earlier]);
      if (marked.length === 1)
        for (const number of [client, earlier])
          await this.protectedClients.set(transaction, agency.id, number, true, at);
      return statement;
    });
    return { state: (await this.statements.tellNow(agency, seq)).state };
  }
}
