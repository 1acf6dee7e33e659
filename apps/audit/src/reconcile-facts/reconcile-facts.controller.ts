import type { Metadata } from '@grpc/grpc-js';
import { Controller, Inject, UseGuards } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  type FindMessageEntriesRequest,
  type FindMessageEntriesResponse,
  type FindLeavesRequest,
  type FindLeavesResponse,
  type FindReceiptsRequest,
  type FindReceiptsResponse,
  type ListFactsRequest,
  type ListFactsResponse,
  type ReportReconciliationRequest,
  type ReportReconciliationResponse,
  topics,
} from '#contracts';
import { AppError, isEventId, isSha256 } from '#kernel';
import { CalledBy, Database, ServiceCalls, callingService } from '#platform';
import { ReconciliationStore } from '../infra/reconciliation-store.js';
import { indicesLogged } from '../infra/search-store.js';
import { Differences } from './differences.js';
import { FactsInLog } from './facts-in-log.js';
import { OwedReceipts } from './owed-receipts.js';

const mostMessages = 1_000;
const mostEvents = 1_000;

/** Producers hold their records against the log (decision 0037): each its own. */
@Controller()
@UseGuards(ServiceCalls)
@CalledBy('exchange', 'consent', 'directory')
export class ReconcileFactsController {
  constructor(
    @Inject(FactsInLog) private readonly facts: FactsInLog,
    @Inject(Differences) private readonly differences: Differences,
    @Inject(OwedReceipts) private readonly receipts: OwedReceipts,
    @Inject(ReconciliationStore) private readonly store: ReconciliationStore,
    @Inject(Database) private readonly database: Database,
  ) {}

  /** Errors: MALFORMED, FORBIDDEN (another service's topic). */
  @GrpcMethod('AuditService', 'listFacts')
  async listFacts(request: ListFactsRequest, metadata: Metadata): Promise<ListFactsResponse> {
    ownTopic(request, metadata);
    return this.facts.list(request);
  }

  /** Errors: MALFORMED, FORBIDDEN (messages are exchange's). */
  @GrpcMethod('AuditService', 'findMessageEntries')
  async findMessageEntries(
    { manifestHashes, erasedAmong }: FindMessageEntriesRequest,
    metadata: Metadata,
  ): Promise<FindMessageEntriesResponse> {
    ownTopic({ topic: topics.exchangeEvents }, metadata);
    if (manifestHashes.length > mostMessages || !manifestHashes.every(isSha256)) throw new AppError('MALFORMED');
    const messages = await this.store.messageEntries(manifestHashes);
    if (erasedAmong === undefined) return { messages, erased: false };
    const { since, sender, recipient } = erasedAmong;
    const { first } = await indicesLogged(this.database, { from: since });
    return { messages, erased: await this.store.erasedFrom(first, sender, recipient) };
  }

  /** Errors: MALFORMED, FORBIDDEN (another service's topic). */
  @GrpcMethod('AuditService', 'findLeaves')
  async findLeaves(request: FindLeavesRequest, metadata: Metadata): Promise<FindLeavesResponse> {
    ownTopic(request, metadata);
    const { eventIds } = request;
    if (eventIds.length > mostEvents || !eventIds.every(isEventId)) throw new AppError('MALFORMED');
    return { found: await this.store.typesOf(eventIds) };
  }

  /** Errors: MALFORMED, FORBIDDEN (exchange alone tells senders), DIRECTORY_STALE, UNAVAILABLE. */
  @GrpcMethod('AuditService', 'findReceipts')
  async findReceipts(request: FindReceiptsRequest, metadata: Metadata): Promise<FindReceiptsResponse> {
    ownTopic({ topic: topics.exchangeEvents }, metadata);
    return this.receipts.find(request);
  }

  /** Errors: MALFORMED, FORBIDDEN, UNAVAILABLE. */
  @GrpcMethod('AuditService', 'reportReconciliation')
  async reportReconciliation(
    request: ReportReconciliationRequest,
    metadata: Metadata,
  ): Promise<ReportReconciliationResponse> {
    ownTopic(request, metadata);
    return this.differences.report(request);
  }
}

const services: Readonly<Record<string, string>> = {
  [topics.exchangeEvents]: 'exchange',
  [topics.consentEvents]: 'consent',
  [topics.directoryEvents]: 'directory',
};

function ownTopic({ topic }: { readonly topic: string }, metadata: Metadata): void {
  if (services[topic] !== callingService(metadata)) throw new AppError('FORBIDDEN');
}
