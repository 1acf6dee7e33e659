import { AppError } from '#kernel';
import type { OutboxRelay } from '#messaging';

/** What happened must get out before more may happen: an outbox that is too old closes the edge. */
export class Backpressure {
  constructor(
    private readonly relay: Pick<OutboxRelay, 'oldestUnsentAgeMs'>,
    private readonly limitMs: number,
  ) {}

  async isOpen(): Promise<boolean> {
    try {
      return (await this.relay.oldestUnsentAgeMs()) <= this.limitMs;
    } catch {
      return false;
    }
  }

  /** @throws AppError UNAVAILABLE */
  async check(): Promise<void> {
    if (!(await this.isOpen())) throw new AppError('UNAVAILABLE', 'events wait too long for Kafka');
  }
}
