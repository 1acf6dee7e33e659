import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';

/** Something that runs beside the requests. */
export interface Running {
  start?(): void;
  stop(): Promise<void> | void;
}

/** Starts the parts in their order once the application is up, and stops them in the opposite order after the transports. */
export class Lifecycle implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(private readonly parts: readonly Running[]) {}

  onApplicationBootstrap(): void {
    for (const part of this.parts) part.start?.();
  }

  async onApplicationShutdown(): Promise<void> {
    for (const part of [...this.parts].reverse()) await part.stop();
  }
}
