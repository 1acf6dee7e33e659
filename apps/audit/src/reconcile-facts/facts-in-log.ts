import type { ListFactsRequest, ListFactsResponse, LoggedFact } from '#contracts';
import { type CommittedBody, clearFactDigest, decodeEntry, factDigest } from '#envelope';
import { AppError } from '#kernel';
import type { Database } from '#platform';
import {
  type ReconcilingTopic,
  isReconcilingTopic,
  topicOfFact,
  typesOfProducer,
} from '../domain/facts-of-producers.js';
import type { LeafOpenings } from '../infra/leaf-openings.js';
import type { SealedOpening } from '../infra/log-store.js';
import type { FactRow, ReconciliationStore } from '../infra/reconciliation-store.js';
import { indicesLogged } from '../infra/search-store.js';

const maxIndices = 1_000;

/** What the leaves of a producer's facts commit to. Only digests leave: a producer learns nothing that it did not write. */
export class FactsInLog {
  constructor(
    private readonly database: Database,
    private readonly store: ReconciliationStore,
    private readonly openings: LeafOpenings,
  ) {}

  /** Errors: MALFORMED. */
  async list({ topic, from, limit, loggedSince, leastAgeMs }: ListFactsRequest): Promise<ListFactsResponse> {
    const asked = Number(from);
    if (!isReconcilingTopic(topic) || !Number.isSafeInteger(asked)) throw new AppError('MALFORMED');
    const aged = loggedSince ? (await indicesLogged(this.database, { from: loggedSince })).first : 0;
    const first = Math.max(asked, aged);
    const { rows, next } = await this.store.page({
      from: first,
      limit: Math.min(Math.max(limit, 1), maxIndices),
      leastAgeMs,
      types: typesOfProducer[topic],
    });
    const bodies = await this.openings.committed(rows.filter(isSealed));
    const facts = rows.flatMap((row) => factOf(row, bodies.get(row.leafIndex), topic) ?? []);
    return { facts, first: BigInt(first), next: BigInt(next) };
  }
}

const isSealed = (row: FactRow): row is FactRow & SealedOpening =>
  row.body !== null && row.wrapped !== null && row.kek !== null;

/** Undefined for the fact of somebody else. */
function factOf(row: FactRow, body: CommittedBody | undefined, producer: ReconcilingTopic): LoggedFact | undefined {
  const fact = (type: string, digest: string, manifestHash = ''): LoggedFact | undefined => {
    const topic = type === '' ? '' : topicOfFact(producer, type);
    if (topic === undefined) return undefined;
    return {
      eventId: row.eventId,
      leafIndex: BigInt(row.leafIndex),
      type,
      digest,
      erased: !row.hasBody,
      manifestHash,
      topic,
    };
  };
  // Whose it was cannot be told any more: each producer looks whether it knows it.
  if (!row.hasBody) return fact('', '');
  const clear = row.body === null ? decodeEntry(row.entry) : undefined;
  if (clear?.ok && clear.value.kind === 'clear')
    return fact(row.type ?? '', clearFactDigest(clear.value.eventId, clear.value.record));
  if (!body || body.eventId !== row.eventId) return fact(row.type ?? '', '');
  return fact(body.type, factDigest(body), body.manifestHash);
}
