import { Controller, Inject, UseGuards } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type {
  BoundaryEntry,
  ErasedEntry,
  PlaceOpening as GivenPlace,
  SearchEntriesRequest,
  SearchEntriesResponse,
} from '#contracts';
import type { Chain, PlaceOpening } from '#envelope';
import { AppError, unwrap } from '#kernel';
import { CalledBy, Database, ServiceCalls } from '#platform';
import { Looks } from '../append-entries/looks.js';
import type { Look } from '../append-entries/own-entry.js';
import { type EntryFilter, chainOf, filterWords, parseFilter } from '../domain/entry-filter.js';
import { readCursor, writeCursor } from '../domain/search-cursor.js';
import { EntryKek } from '../infra/entry-kek.js';
import { LeafOpenings } from '../infra/leaf-openings.js';
import { type OpenedPlace, openPlaces } from '../infra/place-openings.js';
import type { SignedLook } from '../infra/signed-look.js';
import { boundOf, erasedOf, findEntries, indicesLogged } from '../infra/search-store.js';

const maxResults = 500;

/** A question, and the part of the log that its next page looks at. */
interface Question {
  readonly asked: SignedLook;
  readonly filter: EntryFilter;
  readonly limit: number;
  readonly from: number;
  readonly end: number;
  readonly isFirstPage: boolean;
  /** Of who asks what, for the cursor. */
  readonly identity: unknown;
}

/** Bodies for the parties of an entry and for supervising authorities. Nobody looks without being seen to look. */
@Controller()
@UseGuards(ServiceCalls)
@CalledBy('gateway')
export class SearchEntriesController {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(LeafOpenings) private readonly openings: LeafOpenings,
    @Inject(EntryKek) private readonly kek: EntryKek,
    @Inject(Looks) private readonly looks: Looks,
  ) {}

  /**
   * Answers only when the search itself is in the log, in the chains of who asks and of the subject that is asked about.
   * Errors: as `Looks.asked`, UNAVAILABLE.
   */
  @GrpcMethod('AuditService', 'searchEntries')
  async searchEntries(request: SearchEntriesRequest): Promise<SearchEntriesResponse> {
    const question = await this.questionOf(request);
    const { asked, filter, limit, from, end } = question;
    const { caller } = asked;
    const own = caller.supervising ? undefined : caller.agency;
    const { leaves, next } = await findEntries(this.database, { filter, own, from, end, limit });
    const chain = chainOf(own, filter);
    const [found, places] = await Promise.all([
      this.openings.read(leaves),
      chain === undefined ? new Map<number, OpenedPlace>() : openPlaces(this.database, this.kek, chain, leaves),
    ]);
    const searchLeaf = await this.looks.record(asked, lookOf(question, leaves));
    return {
      entries: leaves.flatMap((leafIndex) => {
        const opening = found.get(leafIndex);
        const place = places.get(leafIndex);
        return opening ? [{ leafIndex: BigInt(leafIndex), ...opening, place: place && givenPlace(place.opening) }] : [];
      }),
      next: BigInt(next ?? 0),
      cursor: next === undefined ? '' : writeCursor({ next, end }, question.identity),
      searchLeaf: BigInt(searchLeaf),
      ...(chain === undefined
        ? { chain: '', before: undefined, after: undefined, erased: [] }
        : await this.boundsOf(chain, question, next)),
    };
  }

  private async questionOf(request: SearchEntriesRequest): Promise<Question> {
    const { cursor } = request;
    const first = Number(request.from);
    if (!Number.isSafeInteger(first) || first < 0) throw new AppError('MALFORMED');
    const filter = unwrap(parseFilter(request.filter));
    const asked = await this.looks.asked(request, 'GET /v1/audit/entries', queryOf(request, filter));
    const { agency, supervising } = asked.caller;
    const limit = Math.min(Math.max(request.limit || maxResults, 1), maxResults);
    const identity = { agency, supervising, filter: { ...filterWords(filter), subject: filter.subject ?? '' } };
    const question = { asked, filter, limit, identity };
    if (cursor !== '') {
      const { next, end } = unwrap(readCursor(cursor, identity));
      return { ...question, from: next, end, isFirstPage: false };
    }
    const logged = await indicesLogged(this.database, { from: filter.loggedFrom, until: filter.loggedUntil });
    return { ...question, from: Math.max(first, logged.first), end: logged.end, isFirstPage: true };
  }

  /**
   * What shows that the pages leave nothing out: the chain's entries before the first and after the last of them, and its
   * erased ones between. Looked up after the search has its own leaf, which stands in the chain and so ends it.
   */
  private async boundsOf(
    chain: Chain,
    { from, end, isFirstPage }: Question,
    next: number | undefined,
  ): Promise<Pick<SearchEntriesResponse, 'chain' | 'before' | 'after' | 'erased'>> {
    const [below, above] = await Promise.all([
      isFirstPage ? boundOf(this.database, chain, { below: from }) : undefined,
      next === undefined ? boundOf(this.database, chain, { from: end }) : undefined,
    ]);
    const bounds = [below, above].filter((leaf) => leaf !== undefined);
    const [places, erased] = await Promise.all([
      openPlaces(this.database, this.kek, chain, bounds),
      erasedOf(this.database, chain, { from: isFirstPage ? (below ?? 0) : from, end: next ?? above ?? end }),
    ]);
    return {
      chain,
      before: boundary(below === undefined ? undefined : places.get(below)),
      after: boundary(above === undefined ? undefined : places.get(above)),
      erased: erased.map(({ leafIndex, number }): ErasedEntry => ({
        leafIndex: BigInt(leafIndex),
        number: BigInt(number),
      })),
    };
  }
}

/** One entry a query: the query, the number of results, the range of indices (design 3). */
const lookOf = ({ filter, from, limit }: Question, leaves: readonly number[]): Look => ({
  ...(filter.subject !== undefined && { subjects: [filter.subject] }),
  query: { ...filterWords(filter), from: String(from), limit: String(limit) },
  found: leaves,
});

/** As the API has it. */
const queryOf = ({ from, limit, cursor }: SearchEntriesRequest, filter: EntryFilter): Record<string, string> => ({
  ...filterWords(filter),
  subject: filter.subject ?? '',
  from: String(from),
  limit: String(limit),
  cursor,
});

const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64url');

const givenPlace = ({ chain, number, previous, link, loggedAt, salt, others }: PlaceOpening): GivenPlace => ({
  chain,
  number: BigInt(number),
  previous: previous === undefined ? undefined : BigInt(previous),
  link: bytesOf(link),
  loggedAt: new Date(loggedAt),
  salt: bytesOf(salt),
  others: others.map(bytesOf),
});

const boundary = (place: OpenedPlace | undefined): BoundaryEntry | undefined =>
  place && { leafIndex: BigInt(place.leafIndex), entry: place.entry, place: givenPlace(place.opening) };
