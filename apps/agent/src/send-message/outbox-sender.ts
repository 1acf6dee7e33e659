import { Inject, Injectable } from '@nestjs/common';
import { AppError, type Clock, type ErrorCode } from '#kernel';
import { CLOCK, LOGGER, type Logger } from '#platform';
import { MAX_BATCH } from '../hub-client/hub-client.js';
import { type DueMessage, OutboxStore } from '../infra/outbox-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

/** First repetition of a post that was taken but not yet accepted, and the longest pause between two. */
const REPEAT_AFTER_MS = 5_000;
const RETRY_AFTER_MS = 500;
const LONGEST_PAUSE_MS = 60_000;

/** Refusals of the call, not of a message: the same messages are posted again. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UNAUTHENTICATED',
  'DPOP_INVALID',
  'USE_DPOP_NONCE',
  'AGENCY_NOT_ONBOARDED',
  'RATE_LIMITED',
  'UNAVAILABLE',
  'DIRECTORY_STALE',
  'INTERNAL',
  'TIMEOUT',
]);

/** Doubles with each attempt. */
export const pauseAfter = (attempts: number, first: number): number =>
  Math.min(LONGEST_PAUSE_MS, first * 2 ** Math.min(attempts, 16));

/**
 * Posts what is in the outbox, up to 64 messages at once, and again with growing pauses until a notice says `accepted` or
 * `rejected`: posting the same message again is harmless, losing one is not.
 */
@Injectable()
export class OutboxSender {
  constructor(
    @Inject(OutboxStore) private readonly outbox: OutboxStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** One post. Returns how many messages were due. */
  async runOnce(agency: ServedAgency): Promise<number> {
    if (agency.onboarding) return 0;
    const due = await this.outbox.due(agency.id, this.clock.now(), MAX_BATCH);
    if (due.length > 0) await this.post(agency, due);
    return due.length;
  }

  private async post(agency: ServedAgency, due: readonly DueMessage[]): Promise<void> {
    const now = this.clock.now().getTime();
    try {
      const results = await agency.hub.postMessages(
        due.map(({ manifest, capsule, outer_token }) => ({ manifest, capsule, outer: outer_token })),
      );
      const posted: { messageId: DueMessage['message_id']; nextAt: Date }[] = [];
      for (const [index, message] of due.entries()) {
        const result = results[index];
        if (result?.status === 'refused' && !passing.has(result.error.code)) {
          await this.refused(agency, message, result.error);
          continue;
        }
        const first = result?.status === 'submitted' ? REPEAT_AFTER_MS : RETRY_AFTER_MS;
        posted.push({ messageId: message.message_id, nextAt: new Date(now + pauseAfter(message.attempts, first)) });
      }
      if (posted.length > 0) await this.outbox.markPosted(agency.id, posted);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const [only] = due;
      if (due.length === 1 && only && !passing.has(error.code)) return this.refused(agency, only, error);
      // A post of several that is refused as a whole for one of them is taken apart.
      if (due.length > 1 && !passing.has(error.code)) {
        for (const message of due) await this.post(agency, [message]);
        return;
      }
      const seconds = error.details['retryAfter'];
      const attempts = Math.min(...due.map((message) => message.attempts));
      const pause = typeof seconds === 'number' ? seconds * 1_000 : pauseAfter(attempts, RETRY_AFTER_MS);
      await this.outbox.postpone(
        agency.id,
        due.map(({ message_id }) => message_id),
        new Date(now + pause),
      );
      this.logger.warn({ agency: agency.id, code: error.code, messages: due.length, pause }, 'posting later');
    }
  }

  private async refused(agency: ServedAgency, message: DueMessage, error: AppError): Promise<void> {
    await this.outbox.markRefused(agency.id, message.message_id, error.code, error.detail);
    this.logger.warn({ agency: agency.id, messageId: message.message_id, code: error.code }, 'refused at the edge');
  }
}
