import { Inject, Injectable } from '@nestjs/common';
import { GatewayRefusal, LogRecord as AuditRecord, type Topic, topics } from '#contracts';
import { type AgencyId, type ErrorCode, newEventId } from '#kernel';
import type { LogRecord, MessageLog } from '#messaging';
import { LOGGER, type Logger } from '#platform';
import { RateLimiterMemory } from 'rate-limiter-flexible';

/** A caller waits this long for Kafka; then it is told to come again, which is harmless. */
const PUBLISH_LIMIT_MS = 5_000;
/** Logged refusals per agency and minute: a flood of bad messages must not become a flood of log entries. */
const LOGGED_REFUSALS_PER_MINUTE = 60;

export const MESSAGE_LOG = Symbol('MessageLog');

/** The edge's only way inwards that outlives a request. */
@Injectable()
export class EdgePublisher {
  private readonly logged = new RateLimiterMemory({ points: LOGGED_REFUSALS_PER_MINUTE, duration: 60 });

  constructor(
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Durable (`acks=all`) when it resolves. @throws AppError UNAVAILABLE */
  async publish(topic: Topic, records: readonly LogRecord[]): Promise<void> {
    if (records.length > 0) await this.log.publish(topic, records, { timeoutMs: PUBLISH_LIMIT_MS });
  }

  /** Tells log and sender of messages refused at the edge. The refusal itself stands even when this cannot be written. */
  async refused(
    agency: AgencyId,
    refusals: readonly { code: ErrorCode; messageId?: string }[],
    at: Date,
  ): Promise<void> {
    const taken = await Promise.all(
      refusals.map((refusal) =>
        this.logged.consume(agency).then(
          () => [refusal],
          () => [],
        ),
      ),
    );
    const records = taken.flat().map(({ code, messageId }) => ({
      key: agency,
      value: GatewayRefusal.encode({
        agency,
        log: AuditRecord.fromPartial({
          eventId: newEventId(),
          type: 'edge-refused',
          at,
          sender: agency,
          actorAgency: agency,
          messageId: messageId ?? '',
          code,
          receiptFor: agency,
        }),
      }).finish(),
    }));
    await this.publish(topics.gatewayRefusals, records).catch((error: unknown) => {
      this.logger.error({ err: error, agency, count: records.length }, 'refusals could not be logged');
    });
  }
}
