import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { SearchEntriesRequest, SearchEntriesResponse } from '#contracts';
import { parseLogBody } from '#envelope';
import { type AgencyId, AppError, type Clock, isAgencyId, newEventId, partyKindOf, unwrap } from '#kernel';
import { CLOCK, Database } from '#platform';
import { Appender } from '../append-entries/appender.js';
import { prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { EntryKek } from '../infra/entry-kek.js';
import { LeafOpenings } from '../infra/leaf-openings.js';
import { findLeaves } from '../infra/log-store.js';

const maxResults = 500;

/** Bodies for the parties of an entry and for supervising authorities. Nobody looks without being seen to look. */
@Controller()
export class SearchEntriesController {
  constructor(
    @Inject(Appender) private readonly appender: Appender,
    @Inject(Database) private readonly database: Database,
    @Inject(LeafOpenings) private readonly openings: LeafOpenings,
    @Inject(EntryKek) private readonly kek: EntryKek,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Answers only when the search itself is in the log. Errors: MALFORMED, FORBIDDEN, UNAVAILABLE. */
  @GrpcMethod('AuditService', 'searchEntries')
  async searchEntries(request: SearchEntriesRequest): Promise<SearchEntriesResponse> {
    const { agency, supervising } = request;
    const from = Number(request.from);
    if (!isAgencyId(agency) || !Number.isSafeInteger(from) || from < 0) throw new AppError('MALFORMED');
    if (supervising && partyKindOf(agency) !== 'A') throw new AppError('FORBIDDEN');
    const limit = Math.min(Math.max(request.limit || maxResults, 1), maxResults);
    const leaves = await findLeaves(this.database, { ...(!supervising && { agency }), from, limit: limit + 1 });
    const page = leaves.slice(0, limit);
    const found = await this.openings.read(page);
    const searchLeaf = await this.record(agency, { supervising, from, limit, page });
    return {
      entries: page.flatMap((leafIndex) => {
        const opening = found.get(leafIndex);
        return opening ? [{ leafIndex: BigInt(leafIndex), ...opening, place: undefined }] : [];
      }),
      next: BigInt(leaves[limit] ?? 0),
      cursor: '',
      searchLeaf: BigInt(searchLeaf),
      chain: '',
      before: undefined,
      after: undefined,
      erased: [],
    };
  }

  /** One entry a query: the query, the number of results, the range of indices (design 3). */
  private async record(
    agency: AgencyId,
    query: {
      readonly supervising: boolean;
      readonly from: number;
      readonly limit: number;
      readonly page: readonly number[];
    },
  ): Promise<number> {
    const { supervising, from, limit, page } = query;
    const body = {
      v: 1,
      eventId: newEventId(),
      type: 'log-search',
      at: this.clock.now().toISOString(),
      actor: { agency },
      search: {
        scope: supervising ? 'all' : 'own',
        query: { from: String(from), limit: String(limit) },
        found: page.length,
        ...(page.length > 0 && { first: page[0], last: page.at(-1) }),
      },
      assertedBy: 'hub',
    };
    const { leaves } = await this.appender.append(plainProposal([prepareOpaque(unwrap(parseLogBody(body)), this.kek)]));
    return leaves[0] ?? 0;
  }
}
