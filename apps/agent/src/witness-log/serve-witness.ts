import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import Fastify, { type FastifyInstance } from 'fastify';
import { AppError } from '#kernel';
import { CONFIG, LOGGER, type Logger } from '#platform';
import type { AgentConfig } from '../agent.config.js';
import { AddCheckpoint } from './add-checkpoint.handler.js';
import { WITNESS_KEY, type WitnessKey } from './witness-key.js';

/** A proof of 63 hashes and a note of 128 KiB. */
const BODY_LIMIT = 132 * 1024;

/**
 * The witness at an address of its own, where the configuration names one: then nothing else of the agent is reached there.
 * Otherwise `/witness` of the agent's own address.
 */
@Injectable()
export class ServeWitness implements OnApplicationBootstrap, OnModuleDestroy {
  private own: FastifyInstance | undefined;

  constructor(
    @Inject(AddCheckpoint) private readonly add: AddCheckpoint,
    @Inject(WITNESS_KEY) private readonly key: WitnessKey | undefined,
    @Inject(CONFIG) private readonly config: AgentConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Where checkpoints are taken, when it is an address of its own. */
  get address(): string | undefined {
    return this.own?.listeningOrigin;
  }

  /** Adds the routes to the agent's own server, before it listens. */
  async attach(server: FastifyInstance): Promise<void> {
    if (this.key && this.config.WITNESS_LISTEN === undefined)
      await server.register(async (scope) => this.addRoutes(scope), { prefix: '/witness' });
  }

  async onApplicationBootstrap(): Promise<void> {
    const { WITNESS_LISTEN: listen } = this.config;
    if (!this.key || listen === undefined) return;
    this.own = Fastify({ forceCloseConnections: true });
    await this.own.register(async (scope) => this.addRoutes(scope));
    const separator = listen.lastIndexOf(':');
    await this.own.listen({ host: listen.slice(0, separator), port: Number(listen.slice(separator + 1)) });
  }

  async onModuleDestroy(): Promise<void> {
    await this.own?.close();
  }

  private addRoutes(scope: FastifyInstance): void {
    // Clients send whatever type, or none.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string', bodyLimit: BODY_LIMIT }, (_request, body, done) =>
      done(null, body),
    );
    scope.setErrorHandler(async (error, _request, reply) => {
      const known = error instanceof AppError ? error.status : statusOf(error);
      if (known >= 500) this.logger.warn({ err: error }, 'a checkpoint could not be judged');
      await reply.status(known).type('text/plain; charset=utf-8').send('the witness cannot answer\n');
    });
    scope.post('/add-checkpoint', { bodyLimit: BODY_LIMIT }, async (request, reply) => {
      const { status, type, body } = await this.add.handle(typeof request.body === 'string' ? request.body : '');
      return reply.status(status).header('content-type', type).send(body);
    });
  }
}

/** Fastify's own refusals, such as a body that is too large. */
const statusOf = (error: unknown): number =>
  error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
