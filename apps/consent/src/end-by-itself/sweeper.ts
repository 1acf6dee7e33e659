import type { Logger } from '#platform';
import type { Sweep } from './sweep.js';

/** Runs the sweep again and again. */
export class Sweeper {
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> | undefined;

  constructor(
    private readonly sweep: Pick<Sweep, 'run'>,
    private readonly everyMs: number,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => {
      this.round ??= this.turn().finally(() => {
        this.round = undefined;
      });
    }, this.everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.round;
  }

  private async turn(): Promise<void> {
    try {
      await this.sweep.run();
    } catch (error) {
      this.logger.warn({ err: error }, 'the sweep is tried again');
    }
  }
}
