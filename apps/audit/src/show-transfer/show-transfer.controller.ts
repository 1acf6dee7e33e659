import { Controller, Inject, UseGuards } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ShowTransferRequest, ShowTransferResponse } from '#contracts';
import { consentsNamedBy, parseLogBody } from '#envelope';
import { AppError, type Clock, isExchangeId, unwrap } from '#kernel';
import { CLOCK, CalledBy, Database, ServiceCalls } from '#platform';
import { Appender } from '../append-entries/appender.js';
import { entryOfLook } from '../append-entries/own-entry.js';
import type { LeafOpening } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { callerOf } from '../domain/caller.js';
import { EntryKek } from '../infra/entry-kek.js';
import { LeafOpenings } from '../infra/leaf-openings.js';
import { leavesOfConsents, leavesOfExchange } from '../infra/log-store.js';

const pageSize = 200;
/** No exchange has so many messages; what names more consents is looked at in parts. */
const mostOfExchange = 1_000;

/** All that the log has about one transfer, for evidence. Nobody looks without being seen to look. */
@Controller()
@UseGuards(ServiceCalls)
@CalledBy('gateway')
export class ShowTransferController {
  constructor(
    @Inject(Appender) private readonly appender: Appender,
    @Inject(Database) private readonly database: Database,
    @Inject(LeafOpenings) private readonly openings: LeafOpenings,
    @Inject(EntryKek) private readonly kek: EntryKek,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Answers only when the look itself is in the log. An exchange of others looks like one that never was.
   * Errors: MALFORMED, FORBIDDEN, NOT_FOUND, UNAVAILABLE.
   */
  @GrpcMethod('AuditService', 'showTransfer')
  async showTransfer(request: ShowTransferRequest): Promise<ShowTransferResponse> {
    const caller = unwrap(callerOf({ agency: request.agency, supervising: request.supervising }));
    const { exchangeId } = request;
    const from = Number(request.from);
    if (!isExchangeId(exchangeId) || !Number.isSafeInteger(from) || from < 0) throw new AppError('MALFORMED');
    const whose = caller.supervising ? {} : { agency: caller.agency };
    const ofExchange = await leavesOfExchange(this.database, exchangeId, { ...whose, from: 0, limit: mostOfExchange });
    const openings = await this.openings.read(ofExchange);
    const consents = consentsOf([...openings.values()]);
    const ofConsents =
      consents.length === 0
        ? []
        : await leavesOfConsents(this.database, consents, { ...whose, from: 0, limit: mostOfExchange });
    const all = [...new Set([...ofExchange, ...ofConsents])].sort((a, b) => a - b).filter((leaf) => leaf >= from);
    const shown = all.slice(0, pageSize);
    const [found, evidence] = await Promise.all([this.openings.read(shown), this.openings.evidence(shown)]);
    // Also where nothing is found: whose exchange it is nobody may try out unseen.
    const look = { query: { evidenceOf: exchangeId }, found: shown };
    await this.appender.append(plainProposal([entryOfLook(caller, look, { kek: this.kek, at: this.clock.now() })]));
    if (ofExchange.length === 0) throw new AppError('NOT_FOUND');
    return {
      entries: shown.flatMap((leafIndex) => {
        const opening = found.get(leafIndex);
        const tokens = Object.entries(evidence.get(leafIndex) ?? {}).map(([kind, token]) => ({ kind, token }));
        return opening
          ? [{ entry: { leafIndex: BigInt(leafIndex), ...opening, place: undefined }, evidence: tokens }]
          : [];
      }),
      next: BigInt(all[pageSize] ?? 0),
    };
  }
}

function consentsOf(openings: readonly LeafOpening[]): string[] {
  const bodies = openings.flatMap(({ body }) => {
    const parsed = parseLogBody(JSON.parse(body));
    return parsed.ok ? [parsed.value] : [];
  });
  return [...new Set(bodies.flatMap(({ basis = [] }) => consentsNamedBy(basis).map(({ id }) => id)))];
}
