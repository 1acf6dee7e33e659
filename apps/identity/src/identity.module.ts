import {
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';
import type { Clock } from '#kernel';
import {
  CLOCK,
  Database,
  DirectoryWatch,
  loadOrCreateServiceKey,
  LOGGER,
  type Logger,
  Readiness,
  type ServiceOptions,
} from '#platform';
import { IdentityConfig } from './identity.config.js';
import { purgeExpired } from './infra/provider-records.js';
import { answerFailures } from './issue-tokens/answer-failures.js';
import { createProvider } from './issue-tokens/provider.js';

const PURGE_EVERY_MS = 60_000;
/** Everything below these belongs to oidc-provider; health and metrics stay NestJS's. */
const PROVIDER_PATHS = ['/token', '/jwks', '/.well-known/'];

async function newTokenKey(): Promise<object> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), alg: 'ES256' };
}

@Injectable()
class IdentityConnections implements OnApplicationBootstrap, OnApplicationShutdown {
  private purge: NodeJS.Timeout | undefined;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DirectoryWatch) private readonly directory: DirectoryWatch,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.readiness.require('database', () => this.database.ping());
    this.readiness.require('directory', () => this.directory.fresh().ok);
    this.directory.start();
    this.purge = setInterval(() => {
      purgeExpired(this.database).catch((error: unknown) => this.logger.warn({ err: error }, 'purge failed'));
    }, PURGE_EVERY_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.purge);
    this.directory.close();
    await this.database.close();
  }
}

@Module({})
export class IdentityModule {
  static forConfig(config: IdentityConfig): DynamicModule {
    return {
      module: IdentityModule,
      providers: [
        { provide: Database, useFactory: () => new Database(config.DATABASE_URL, { max: 5 }) },
        {
          provide: DirectoryWatch,
          inject: [CLOCK],
          useFactory: (clock: Clock) => new DirectoryWatch(config.DIRECTORY_GRPC, clock),
        },
        {
          provide: Provider,
          inject: [Database, DirectoryWatch, CLOCK, LOGGER],
          useFactory: async (database: Database, directory: DirectoryWatch, clock: Clock, logger: Logger) => {
            const signingKey = await loadOrCreateServiceKey(config.IDENTITY_KEY_FILE, newTokenKey);
            const provider = createProvider(config, { database, directory, clock, signingKey });
            answerFailures(provider, logger);
            return provider;
          },
        },
        IdentityConnections,
      ],
    };
  }
}

/** oidc-provider parses requests itself: it takes them before Fastify reads the body. */
function mountProvider(app: NestFastifyApplication): void {
  const handle = app.get(Provider).callback();
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (request, reply, done) => {
      if (!PROVIDER_PATHS.some((path) => request.url.startsWith(path))) return done();
      reply.hijack();
      void handle(request.raw, reply.raw);
    });
}

export const serviceOptions: ServiceOptions<IdentityConfig> = {
  name: 'identity',
  edge: true,
  config: IdentityConfig,
  module: (config) => IdentityModule.forConfig(config),
  beforeListen: async (app) => mountProvider(app),
};
