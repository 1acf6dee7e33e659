import { KafkaTransport, type KafkaTransportOptions } from '#messaging';
import type { Logger } from '#platform';

export interface FactTransportOptions extends KafkaTransportOptions {
  /** Whether this instance appends. */
  readonly isAppending: () => boolean;
  readonly logger: Logger;
  /** How often to look. Default 100 ms. */
  readonly lookEveryMs?: number;
  /** How long to keep the partitions when appending stops, because taking them again costs a rebalance. Default 10 s. */
  readonly graceMs?: number;
}

/**
 * Consumes while this instance appends. A standby in the consumer group would be given partitions whose facts it cannot
 * log, and they would wait until it takes over.
 */
export class FactTransport extends KafkaTransport {
  private timer: NodeJS.Timeout | undefined;
  private subscribed = false;
  private closed = false;
  private appendedAt = 0;
  private looking: Promise<void> = Promise.resolve();

  constructor(private readonly facts: FactTransportOptions) {
    super(facts);
  }

  override async listen(callback: (error?: unknown) => void): Promise<void> {
    this.lookAgain();
    callback();
  }

  override async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.looking;
    await this.leave();
  }

  private lookAgain(): void {
    if (this.closed) return;
    this.timer = setTimeout(() => {
      this.looking = this.look().then(() => this.lookAgain());
    }, this.facts.lookEveryMs ?? 100);
  }

  private async look(): Promise<void> {
    const { isAppending, graceMs = 10_000, logger } = this.facts;
    try {
      if (isAppending()) {
        this.appendedAt = Date.now();
        if (!this.subscribed) await this.join();
      } else if (this.subscribed && Date.now() - this.appendedAt > graceMs) await this.leave();
    } catch (error) {
      logger.error({ err: error }, 'facts are not consumed');
    }
  }

  private async join(): Promise<void> {
    let failure: unknown;
    await super.listen((error) => (failure = error));
    if (failure !== undefined) throw failure instanceof Error ? failure : new Error('no subscription');
    this.subscribed = true;
  }

  private async leave(): Promise<void> {
    this.subscribed = false;
    await super.close();
  }
}
