import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ReportMismatchRequest, ReportMismatchResponse } from '#contracts';
import { type Mismatch, parseLogBody, readStatement, statementHash, verifyStatement } from '#envelope';
import { AppError, type Clock, fromNumericDate, newEventId, unwrap } from '#kernel';
import { CLOCK } from '#platform';
import { Appender } from '../append-entries/appender.js';
import { type PreparedEntry, prepareOpaque } from '../append-entries/prepared-entry.js';
import type { Proposal } from '../append-entries/proposal.js';
import { AgencyKeys } from '../infra/agency-keys.js';
import { EntryKek } from '../infra/entry-kek.js';

/** The recipient's signed word that what was sealed inside differs from what was released. */
@Controller()
export class ReportMismatchController {
  constructor(
    @Inject(Appender) private readonly appender: Appender,
    @Inject(AgencyKeys) private readonly keys: AgencyKeys,
    @Inject(EntryKek) private readonly kek: EntryKek,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The same message is reported once: again, it is the same leaf. Errors: SENDER_MISMATCH, NOT_FOUND and those of a statement. */
  @GrpcMethod('AuditService', 'reportMismatch')
  async reportMismatch({ agency, mismatch: token }: ReportMismatchRequest): Promise<ReportMismatchResponse> {
    unwrap(this.keys.directory.fresh());
    const { kid, payload } = unwrap(readStatement('mismatch', token));
    if (payload.agency !== agency) throw new AppError('SENDER_MISMATCH');
    const key = unwrap(await this.keys.signing(payload.agency, kid, fromNumericDate(payload.iat)));
    const mismatch = unwrap(await verifyStatement('mismatch', token, key));
    const { outcome, leaves } = await this.appender.append(this.proposalOf(mismatch, token));
    const leafIndex = outcome ?? leaves[0];
    if (leafIndex === undefined) throw new AppError('NOT_FOUND', 'this message was not released to this agency');
    return { leafIndex: BigInt(leafIndex) };
  }

  /** Its outcome is the leaf of an earlier report. */
  private proposalOf(mismatch: Mismatch, token: string): Proposal<number | undefined> {
    const { manifestHash, agency } = mismatch;
    const entry = this.entryOf(mismatch, token);
    return {
      wanted: { eventIds: [entry.eventId], manifestHashes: [manifestHash] },
      decide: (view) => {
        const message = view.message(manifestHash);
        const isNew = message.recipient === agency && message.mismatch === undefined;
        return { entries: isNew ? [entry] : [], outcome: message.recipient === agency ? message.mismatch : undefined };
      },
    };
  }

  private entryOf({ manifestHash, agency, code, worker }: Mismatch, token: string): PreparedEntry {
    const body = {
      v: 1,
      eventId: newEventId(),
      type: 'message-mismatch',
      at: this.clock.now().toISOString(),
      manifestHash,
      recipient: agency,
      actor: { agency, worker },
      code,
      evidence: { mismatch: statementHash(token) },
      assertedBy: 'agency',
    };
    return prepareOpaque(unwrap(parseLogBody(body)), this.kek, { tokens: { mismatch: token } });
  }
}
