import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall } from '@grpc/grpc-js';
import { AuditServiceService, type ListConsentWordsRequest, type ListConsentWordsResponse } from '#contracts';

/** Audit as far as the consent service asks it: a log that says nothing about consents. */
export class AuditDouble {
  private constructor(
    private readonly server: Server,
    readonly address: string,
  ) {}

  static async start(): Promise<AuditDouble> {
    const server = new Server();
    server.addService(AuditServiceService, {
      listConsentWords: (
        { request }: ServerUnaryCall<ListConsentWordsRequest, ListConsentWordsResponse>,
        answer: sendUnaryData<ListConsentWordsResponse>,
      ) => answer(null, { words: [], next: request.from, more: false }),
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, given) =>
        error ? reject(error) : resolve(given),
      ),
    );
    return new AuditDouble(server, `127.0.0.1:${port}`);
  }

  stop(): void {
    this.server.forceShutdown();
  }
}
