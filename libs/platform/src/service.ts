import 'reflect-metadata';
import { type DynamicModule, Global, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, NestMicroservice } from '@nestjs/microservices';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppError, type Clock, systemClock } from '#kernel';
import { loadConfig, type ServiceConfig } from './config.js';
import { GrpcErrorFilter } from './grpc.js';
import { HealthController, MetricsController, Readiness } from './health.js';
import { serveMetrics } from './serve-metrics.js';
import { createLogger, type Logger, NestLogger } from './logging.js';
import { ProblemFilter, requestValidation } from './problem.js';

/** Injection tokens of what every service has. */
export const LOGGER = Symbol('Logger');
export const CLOCK = Symbol('Clock');
export const CONFIG = Symbol('Config');

/** Time in which a service finishes what it has begun after it was told to stop. */
const STOP_LIMIT_MS = 25_000;
/** sysexits.h EX_CONFIG: starting again without another configuration is of no use. */
export const EXIT_CONFIG = 78;

@Global()
@Module({})
export class PlatformModule {
  static forRoot(config: ServiceConfig, logger: Logger, clock: Clock = systemClock, edge = false): DynamicModule {
    return {
      module: PlatformModule,
      controllers: [HealthController, ...(edge ? [] : [MetricsController])],
      providers: [
        Readiness,
        { provide: LOGGER, useValue: logger },
        { provide: CLOCK, useValue: clock },
        { provide: CONFIG, useValue: config },
      ],
      exports: [Readiness, LOGGER, CLOCK, CONFIG],
    };
  }
}

export interface ServiceOptions<C extends ServiceConfig> {
  readonly name: string;
  readonly config: new () => C;
  /** The app's module; its imports and controllers may depend on the configuration. */
  readonly module: (config: C) => Type | DynamicModule;
  /** gRPC server and Kafka transports, made once the providers exist. */
  readonly microservices?: (app: NestFastifyApplication, config: C) => MicroserviceOptions[];
  /** Routes that NestJS does not know (identity's), before listening. */
  readonly beforeListen?: (app: NestFastifyApplication, config: C) => Promise<void>;
  /** Certificate and key in PEM, when the service speaks HTTPS itself. */
  readonly https?: (config: C) => { cert: Buffer; key: Buffer } | undefined;
  /** Largest HTTP body in bytes. */
  readonly bodyLimit?: number;
  /** Strangers reach this service: its metrics are told on the loopback only (METRICS_PORT). */
  readonly edge?: boolean;
}

/**
 * Starts one service: configuration, module, transports, HTTP with health and metrics; stops gracefully on SIGTERM, SIGINT
 * and, below the supervisor, when the parent goes. Exits with 78 on a bad configuration and says every error at once.
 */
export async function runService<C extends ServiceConfig>(options: ServiceOptions<C>): Promise<void> {
  const started = Date.now();
  let config: C;
  try {
    config = loadConfig(options.config);
  } catch (error) {
    process.stderr.write(`${options.name}: ${error instanceof AppError ? error.detail : String(error)}\n`);
    process.exit(EXIT_CONFIG);
  }
  const logger = createLogger(options.name, config.LOG_LEVEL);
  try {
    const app = await createService(options, config, logger);
    stopOnSignals(app, logger);
    // The connections of the bootstrap hooks come first: the Kafka transport needs its log connected.
    await app.init();
    await app.startAllMicroservices();
    await app.listen(config.HTTP_PORT, config.HTTP_HOST);
    if (options.edge && config.METRICS_PORT !== undefined) await serveMetrics(config.METRICS_PORT);
    logger.info({ url: await app.getUrl(), ms: Date.now() - started }, 'started');
    process.send?.({ started: options.name });
  } catch (error) {
    logger.fatal({ err: error }, 'could not start');
    process.exit(error instanceof AppError && error.code === 'CONFIG_INVALID' ? EXIT_CONFIG : 1);
  }
}

/** The application with filters, validation and transports, not yet listening; tests drive it with supertest. */
export async function createService<C extends ServiceConfig>(
  options: ServiceOptions<C>,
  config: C,
  logger: Logger,
  clock: Clock = systemClock,
): Promise<NestFastifyApplication> {
  class Root {}
  Module({ imports: [PlatformModule.forRoot(config, logger, clock, options.edge), options.module(config)] })(Root);
  const https = options.https?.(config);
  const adapter = new FastifyAdapter({
    bodyLimit: options.bodyLimit ?? 256 * 1024,
    forceCloseConnections: true,
    ...(https ? { https } : {}),
  });
  const app = await NestFactory.create<NestFastifyApplication>(Root, adapter, {
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  app.useGlobalFilters(new ProblemFilter(logger));
  app.useGlobalPipes(requestValidation());
  for (const microservice of options.microservices?.(app, config) ?? []) {
    // Filters count only before initialization; the hooks of the providers are the application's to call, once.
    const connected = app.connectMicroservice<MicroserviceOptions>(microservice, { deferInitialization: true });
    connected.useGlobalFilters(new GrpcErrorFilter(logger));
    if (connected instanceof NestMicroservice) connected.setIsInitHookCalled(true);
  }
  await options.beforeListen?.(app, config);
  return app;
}

function stopOnSignals(app: NestFastifyApplication, logger: Logger): void {
  let stopping = false;
  const stop = (reason: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info({ reason }, 'stopping');
    app.get(Readiness).stop();
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'stopped with an error');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('disconnect', () => stop('parent gone'));
}
