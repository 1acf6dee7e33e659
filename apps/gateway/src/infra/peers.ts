import type {
  AuditServiceClient,
  ConsentServiceClient,
  DirectoryServiceClient,
  ExchangeServiceClient,
} from '#contracts';
import type { GrpcClient } from '#platform';

/** Injection tokens of the services behind the edge. */
export const EXCHANGE = Symbol('ExchangeClient');
export const CONSENT = Symbol('ConsentClient');
export const AUDIT = Symbol('AuditClient');
export const DIRECTORY = Symbol('DirectoryClient');

export type ExchangeClient = GrpcClient<ExchangeServiceClient>;
export type ConsentClient = GrpcClient<ConsentServiceClient>;
export type AuditClient = GrpcClient<AuditServiceClient>;
export type DirectoryClient = GrpcClient<DirectoryServiceClient>;
