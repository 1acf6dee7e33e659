import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { AppError, type Clock, numericDate } from '#kernel';
import { CLOCK, Database } from '#platform';
import { subjectOf } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { TellStatements } from '../tell-consents/tell-statements.js';
import type { LinkSubjectDto, ToldDto } from './link-subject.dto.js';

/** Tells the hub that two pseudonyms name one person. */
@Injectable()
export class LinkSubject {
  constructor(
    @Inject(Database) private readonly database: Database,
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
    const seq = await this.statements.keep(this.database, agency, { kind: 'subject-link', token });
    return { state: (await this.statements.tellNow(agency, seq)).state };
  }
}
