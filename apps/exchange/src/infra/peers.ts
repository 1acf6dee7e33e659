import { AuditServiceClient, ConsentServiceClient } from '#contracts';
import { type GrpcClient, grpcClient } from '#platform';

/** The services that are asked while a message is accepted or released. */
export class Peers {
  readonly consent: GrpcClient<ConsentServiceClient>;
  readonly audit: GrpcClient<AuditServiceClient>;

  constructor(addresses: { readonly consent: string; readonly audit: string }) {
    this.consent = grpcClient(ConsentServiceClient, addresses.consent);
    this.audit = grpcClient(AuditServiceClient, addresses.audit);
  }

  close(): void {
    this.consent.close();
    this.audit.close();
  }
}
