import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { EmergencyLook, RecordReportRequest, RecordReportResponse } from '#contracts';
import { parseLogBody, readStatement, statementHash, verifyStatement } from '#envelope';
import { type AgencyId, AppError, type Clock, type Pseudonym, fromNumericDate, unwrap } from '#kernel';
import { CLOCK, Database } from '#platform';
import { Appender } from '../append-entries/appender.js';
import { prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { AgencyKeys } from '../infra/agency-keys.js';
import { EntryKek } from '../infra/entry-kek.js';
import { LeafOpenings } from '../infra/leaf-openings.js';
import { findEntries } from '../infra/search-store.js';

const pageSize = 500;
const emergencies = ['break-glass-used', 'break-glass-shown'] as const;

/** A client's account was given or refused: that too stands in the log, in the chain of the client. */
@Controller()
export class RecordReportController {
  constructor(
    @Inject(Appender) private readonly appender: Appender,
    @Inject(AgencyKeys) private readonly keys: AgencyKeys,
    @Inject(EntryKek) private readonly kek: EntryKek,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(Database) private readonly database: Database,
    @Inject(LeafOpenings) private readonly openings: LeafOpenings,
  ) {}

  /**
   * The same decision again is the same leaf. Who gives the account is told what the agency's own store cannot know: who looked in
   * an emergency at entries about the client. Errors: SENDER_MISMATCH, those of a statement, UNAVAILABLE.
   */
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
    const [leaf = 0] = leaves;
    const emergencyLooks = outcome === 'given' ? await this.emergencyLooks(payload.agency, subject, leaf) : [];
    return { leafIndex: BigInt(leaf), emergencyLooks };
  }

  /** In the chains of both: an agency learns of no entry in which it is no party. */
  private async emergencyLooks(own: AgencyId, subject: Pseudonym, end: number): Promise<EmergencyLook[]> {
    const leaves: number[] = [];
    for (const type of emergencies)
      for (let from: number | undefined = 0; from !== undefined;) {
        const page = await findEntries(this.database, { filter: { subject, type }, own, from, end, limit: pageSize });
        leaves.push(...page.leaves);
        from = page.next;
      }
    const found = await this.openings.read(leaves);
    return leaves
      .sort((a, b) => a - b)
      .flatMap((leaf) => {
        const opening = found.get(leaf);
        if (!opening) return [];
        const { at, actor, type } = unwrap(parseLogBody(JSON.parse(opening.body)));
        return [{ at: new Date(at), agency: actor?.agency ?? '', type, leafIndex: BigInt(leaf) }];
      });
  }
}
