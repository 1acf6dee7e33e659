import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ShowTransferRequest, ShowTransferResponse } from '#contracts';
import { consentsNamedBy, parseLogBody } from '#envelope';
import {
  type AgencyId,
  AppError,
  type Clock,
  type ExchangeId,
  isAgencyId,
  isExchangeId,
  newEventId,
  partyKindOf,
  unwrap,
} from '#kernel';
import { CLOCK, Database } from '#platform';
import { Appender } from '../append-entries/appender.js';
import type { LeafOpening } from '../append-entries/prepared-entry.js';
import { prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { EntryKek } from '../infra/entry-kek.js';
import { LeafOpenings } from '../infra/leaf-openings.js';
import { leavesOfConsents, leavesOfExchange } from '../infra/log-store.js';

const pageSize = 200;
/** No exchange has so many messages; what names more consents is looked at in parts. */
const mostOfExchange = 1_000;

/** All that the log has about one transfer, for evidence. Nobody looks without being seen to look. */
@Controller()
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
  async showTransfer({ agency, supervising, exchangeId, ...page }: ShowTransferRequest): Promise<ShowTransferResponse> {
    const from = Number(page.from);
    if (!isAgencyId(agency) || !isExchangeId(exchangeId) || !Number.isSafeInteger(from) || from < 0)
      throw new AppError('MALFORMED');
    if (supervising && partyKindOf(agency) !== 'A') throw new AppError('FORBIDDEN');
    const whose = supervising ? {} : { agency };
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
    await this.record(agency, { supervising, exchangeId, shown });
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

  /** One entry a look, also where nothing is found: whose exchange it is nobody may try out unseen. */
  private async record(
    agency: AgencyId,
    look: { readonly supervising: boolean; readonly exchangeId: ExchangeId; readonly shown: readonly number[] },
  ): Promise<void> {
    const { supervising, exchangeId, shown } = look;
    const body = {
      v: 1,
      eventId: newEventId(),
      type: 'log-search',
      at: this.clock.now().toISOString(),
      actor: { agency },
      search: {
        scope: supervising ? 'all' : 'own',
        query: { evidenceOf: exchangeId },
        found: shown.length,
        ...(shown.length > 0 && { first: shown[0], last: shown.at(-1) }),
      },
      assertedBy: 'hub',
    };
    await this.appender.append(plainProposal([prepareOpaque(unwrap(parseLogBody(body)), this.kek)]));
  }
}

function consentsOf(openings: readonly LeafOpening[]): string[] {
  const bodies = openings.flatMap(({ body }) => {
    const parsed = parseLogBody(JSON.parse(body));
    return parsed.ok ? [parsed.value] : [];
  });
  return [...new Set(bodies.flatMap(({ basis = [] }) => consentsNamedBy(basis).map(({ id }) => id)))];
}
