import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { RecordReportRequest, RecordReportResponse } from '#contracts';
import { parseLogBody, readStatement, statementHash, verifyStatement } from '#envelope';
import { AppError, type Clock, fromNumericDate, unwrap } from '#kernel';
import { CLOCK } from '#platform';
import { Appender } from '../append-entries/appender.js';
import { prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { AgencyKeys } from '../infra/agency-keys.js';
import { EntryKek } from '../infra/entry-kek.js';

/** A client's account was given or refused: that too stands in the log, in the chain of the client. */
@Controller()
export class RecordReportController {
  constructor(
    @Inject(Appender) private readonly appender: Appender,
    @Inject(AgencyKeys) private readonly keys: AgencyKeys,
    @Inject(EntryKek) private readonly kek: EntryKek,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The same decision again is the same leaf. Errors: SENDER_MISMATCH, those of a statement, UNAVAILABLE. */
  @GrpcMethod('AuditService', 'recordReport')
  async recordReport({ agency, decision: token }: RecordReportRequest): Promise<RecordReportResponse> {
    unwrap(this.keys.directory.fresh());
    const { kid, payload } = unwrap(readStatement('report-decision', token));
    if (payload.agency !== agency) throw new AppError('SENDER_MISMATCH');
    const key = unwrap(await this.keys.signing(payload.agency, kid, fromNumericDate(payload.iat)));
    const { eventId, subject, outcome, ground, worker } = unwrap(await verifyStatement('report-decision', token, key));
    if (outcome === 'refused' && ground === undefined)
      throw new AppError('MALFORMED', 'A refusal states its ground.', { field: 'ground' });
    const body = {
      v: 1,
      eventId,
      type: `report-${outcome}`,
      at: this.clock.now().toISOString(),
      actor: { agency: payload.agency, worker },
      subjects: [subject],
      ...(ground !== undefined && { purpose: ground }),
      evidence: { 'report-decision': statementHash(token) },
      assertedBy: 'agency',
    };
    const entry = prepareOpaque(unwrap(parseLogBody(body)), this.kek, { tokens: { 'report-decision': token } });
    const { leaves } = await this.appender.append(plainProposal([entry]));
    return { leafIndex: BigInt(leaves[0] ?? 0) };
  }
}
