import { Controller, Inject } from '@nestjs/common';
import { EventPattern, GrpcMethod, Payload } from '@nestjs/microservices';
import {
  type PublishKeysRequest,
  type PublishKeysResponse,
  type RegisterAgencyRequest,
  type RegisterAgencyResponse,
  type RevokeKeyRequest,
  type RevokeKeyResponse,
  type RouteRequest,
  type RouteResponse,
  type SetAgencyStatusRequest,
  type SetAgencyStatusResponse,
  type SetResponsibilityRequest,
  type SetResponsibilityResponse,
  topics,
  type WatchRequest,
  type WatchResponse,
} from '#contracts';
import { type KafkaBatch, LoggedConsumer } from '#messaging';
import type { Observable } from 'rxjs';
import { FindRoute } from './find-route/find-route.handler.js';
import { PublishKeys } from './publish-keys/publish-keys.handler.js';
import { RegisterAgency } from './register-agency/register-agency.handler.js';
import { RevokeKey } from './revoke-key/revoke-key.handler.js';
import { SnapshotFeed } from './watch-snapshot/snapshot-feed.js';

/** kotovayla.directory.v1.DirectoryService. */
@Controller()
export class DirectoryController {
  constructor(
    @Inject(SnapshotFeed) private readonly feed: SnapshotFeed,
    @Inject(FindRoute) private readonly routes: FindRoute,
    @Inject(RegisterAgency) private readonly agencies: RegisterAgency,
    @Inject(PublishKeys) private readonly keys: PublishKeys,
    @Inject(RevokeKey) private readonly revocations: RevokeKey,
    @Inject(LoggedConsumer) private readonly logged: LoggedConsumer,
  ) {}

  @GrpcMethod('DirectoryService', 'watch')
  watch({ version }: WatchRequest): Observable<WatchResponse> {
    return this.feed.watch(version);
  }

  @GrpcMethod('DirectoryService', 'route')
  route(request: RouteRequest): Promise<RouteResponse> {
    return this.routes.find(request);
  }

  @GrpcMethod('DirectoryService', 'registerAgency')
  async registerAgency(request: RegisterAgencyRequest): Promise<RegisterAgencyResponse> {
    await this.agencies.register(request);
    return {};
  }

  @GrpcMethod('DirectoryService', 'setAgencyStatus')
  async setAgencyStatus(request: SetAgencyStatusRequest): Promise<SetAgencyStatusResponse> {
    await this.agencies.setStatus(request);
    return {};
  }

  @GrpcMethod('DirectoryService', 'setResponsibility')
  async setResponsibility(request: SetResponsibilityRequest): Promise<SetResponsibilityResponse> {
    await this.agencies.setResponsibility(request);
    return {};
  }

  @GrpcMethod('DirectoryService', 'publishKeys')
  async publishKeys({ records }: PublishKeysRequest): Promise<PublishKeysResponse> {
    return { kids: await this.keys.publish(records) };
  }

  @GrpcMethod('DirectoryService', 'revokeKey')
  async revokeKey({ revocation }: RevokeKeyRequest): Promise<RevokeKeyResponse> {
    return { revokedAt: await this.revocations.revoke(revocation) };
  }

  @EventPattern(topics.auditEvents)
  async auditEvents(@Payload() batch: KafkaBatch): Promise<void> {
    await this.logged.consumeBatch(batch);
  }
}
