import { Inject, Injectable } from '@nestjs/common';
import { GatewayRefusal, LogRecord as AuditRecord, topics } from '#contracts';
import { type AgencyId, type AppError, type Clock, newEventId } from '#kernel';
import { CLOCK, LOGGER, type Logger } from '#platform';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { EdgePublisher } from '../infra/edge-publisher.js';
import { RefusedMessage } from './refused-message.js';

/** Two full posts. A flood of bad messages must not become a flood of log entries. */
const LOGGED_PER_AGENCY_AND_MINUTE = 128;

/** Refusals of authenticated callers: audit logs them, then exchange signs the notice for the agency's mailbox. */
@Injectable()
export class RefusalLog {
  private readonly logged = new RateLimiterMemory({ points: LOGGED_PER_AGENCY_AND_MINUTE, duration: 60 });

  constructor(
    @Inject(EdgePublisher) private readonly publisher: EdgePublisher,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Never rejects: the refusal stands even when it cannot be written. */
  async record(agency: AgencyId, refusals: readonly AppError[]): Promise<void> {
    const taken = (
      await Promise.all(refusals.map(async (refusal) => ((await this.take(agency)) ? [refusal] : [])))
    ).flat();
    const at = this.clock.now();
    const records = taken.map((refusal) => ({
      key: agency,
      value: GatewayRefusal.encode({
        agency,
        log: AuditRecord.fromPartial({
          ...(refusal instanceof RefusedMessage ? refusal.names : {}),
          eventId: newEventId(),
          type: 'edge-refused',
          at,
          sender: agency,
          actorAgency: agency,
          code: refusal.code,
          receiptFor: agency,
        }),
      }).finish(),
    }));
    await this.publisher.publish(topics.gatewayRefusals, records).catch((error: unknown) => {
      this.logger.error({ err: error, agency, count: records.length }, 'refusals could not be logged');
    });
  }

  private take(agency: AgencyId): Promise<boolean> {
    return this.logged.consume(agency).then(
      () => true,
      () => false,
    );
  }
}
