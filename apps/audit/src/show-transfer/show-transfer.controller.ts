import { Controller, Inject, UseGuards } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ShowTransferRequest, ShowTransferResponse } from '#contracts';
import { consentsNamedBy, mostSubjects, parseLogBody } from '#envelope';
import { AppError, type Pseudonym, isExchangeId, unwrap } from '#kernel';
import { CalledBy, Database, ServiceCalls } from '#platform';
import { Looks } from '../append-entries/looks.js';
import type { LeafOpening } from '../append-entries/prepared-entry.js';
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
    @Inject(Database) private readonly database: Database,
    @Inject(LeafOpenings) private readonly openings: LeafOpenings,
    @Inject(Looks) private readonly looks: Looks,
  ) {}

  /**
   * Answers only when the look itself is in the log. An exchange of others looks like one that never was.
   * Errors: as `Looks.asked`, NOT_FOUND, UNAVAILABLE.
   */
  @GrpcMethod('AuditService', 'showTransfer')
  async showTransfer(request: ShowTransferRequest): Promise<ShowTransferResponse> {
    const { exchangeId } = request;
    const from = Number(request.from);
    if (!isExchangeId(exchangeId) || !Number.isSafeInteger(from) || from < 0) throw new AppError('MALFORMED');
    const call = `GET /v1/audit/transfers/${exchangeId}`;
    const asked = await this.looks.asked(request, call, { from: String(from) });
    const { caller } = asked;
    const whose = caller.supervising ? {} : { agency: caller.agency };
    const ofExchange = await leavesOfExchange(this.database, exchangeId, { ...whose, from: 0, limit: mostOfExchange });
    const openings = await this.openings.read(ofExchange);
    const consents = consentsOf([...openings.values()]);
    const ofConsents =
      consents.length === 0
        ? []
        : await leavesOfConsents(this.database, consents, { ...whose, from: 0, limit: mostOfExchange });
    const all = [...new Set([...ofExchange, ...ofConsents])].sort((a, b) => a - b).filter((leaf) => leaf >= from);
    const page = all.slice(0, pageSize);
    const found = await this.openings.read(page);
    const { shown, subjects } = asManyAsOneLookNames(page, found);
    const evidence = await this.openings.evidence(shown);
    // Also where nothing is found: whose exchange it is nobody may try out unseen.
    const look = { query: { evidenceOf: exchangeId }, found: shown, ...(subjects.length > 0 && { subjects }) };
    await this.looks.record(asked, look);
    if (ofExchange.length === 0) throw new AppError('NOT_FOUND');
    return {
      entries: shown.flatMap((leafIndex) => {
        const opening = found.get(leafIndex);
        const tokens = Object.entries(evidence.get(leafIndex) ?? {}).map(([kind, token]) => ({ kind, token }));
        return opening
          ? [{ entry: { leafIndex: BigInt(leafIndex), ...opening, place: undefined }, evidence: tokens }]
          : [];
      }),
      next: BigInt(all[shown.length] ?? 0),
    };
  }
}

/** A look stands in the chains of all whom it shows, and an entry names so many persons at most: the next page shows the rest. */
function asManyAsOneLookNames(
  leaves: readonly number[],
  found: ReadonlyMap<number, LeafOpening>,
): { readonly shown: readonly number[]; readonly subjects: Pseudonym[] } {
  let named = new Set<Pseudonym>();
  for (const [at, leaf] of leaves.entries()) {
    const body = found.get(leaf)?.body;
    const more = body === undefined ? [] : (unwrap(parseLogBody(JSON.parse(body))).subjects ?? []);
    const together = new Set([...named, ...more]);
    if (together.size > mostSubjects) return { shown: leaves.slice(0, at), subjects: [...named] };
    named = together;
  }
  return { shown: leaves, subjects: [...named] };
}

function consentsOf(openings: readonly LeafOpening[]): string[] {
  const bodies = openings.flatMap(({ body }) => {
    const parsed = parseLogBody(JSON.parse(body));
    return parsed.ok ? [parsed.value] : [];
  });
  return [...new Set(bodies.flatMap(({ basis = [] }) => consentsNamedBy(basis).map(({ id }) => id)))];
}
