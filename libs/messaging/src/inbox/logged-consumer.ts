import { Logger } from '@nestjs/common';
import { AuditEvent, type LoggedEntry } from '#contracts';
import { sha256 } from '#kernel';
import type { PoolClient } from 'pg';
import type { OutboxReconciler } from '../outbox/outbox-reconciler.js';
import { failureCode } from '../sql/transient-failure.js';
import { INBOX_RETENTION_MS, InboxConsumer } from './inbox-consumer.js';
import type { InboxConsumerOptions } from './inbox-handler.js';

const HOUR_MS = 60 * 60 * 1000;

export interface LoggedConsumerOptions extends Omit<
  InboxConsumerOptions<AuditEvent>,
  'consumer' | 'passes' | 'decode' | 'idOf' | 'exchangeOf' | 'handle' | 'handleOne'
> {
  readonly reconciler: OutboxReconciler;
  /** In the transaction that marks them: what else the app makes of its events being in the log. */
  readonly onLogged?: (client: PoolClient, entries: readonly LoggedEntry[]) => Promise<void>;
}

/** audit.events.v1 as a producer takes it: which of its facts stand in the log. The others are sent again. */
export class LoggedConsumer extends InboxConsumer<AuditEvent> {
  private purging: NodeJS.Timeout | undefined;

  constructor({ reconciler, onLogged, ...options }: LoggedConsumerOptions) {
    super({
      ...options,
      consumer: 'confirm-logged',
      // What is not confirmed is published again, so nothing is lost when a confirmation is.
      passes: ({ event }) =>
        !(event?.$case === 'logged' && event.value.entries.some((one) => reconciler.concerns(one))),
      decode: ({ value }) => AuditEvent.decode(value),
      idOf: ({ event }) => {
        // By all its entries: audit may tell the first of them again together with others.
        if (event?.$case === 'logged')
          return `logged ${sha256(event.value.entries.map(({ eventId }) => eventId).join(' '))}`;
        if (event?.$case === 'release') return `release ${event.value.eventId}`;
        if (event?.$case === 'alert') return `alert ${event.value.alert}`;
        if (event?.$case === 'alertEnded') return `alert ended ${event.value.alert}`;
        throw new TypeError('an audit event of no kind');
      },
      handle: async (client, messages) => {
        const entries = messages.flatMap(({ body: { event } }) =>
          event?.$case === 'logged' ? event.value.entries : [],
        );
        if (entries.length === 0) return;
        await reconciler.markLogged(client, entries);
        await onLogged?.(client, entries);
      },
    });
  }

  override start(): void {
    super.start();
    const logger = new Logger(LoggedConsumer.name);
    this.purging ??= setInterval(() => {
      this.purge(INBOX_RETENTION_MS).catch((error: unknown) =>
        logger.warn(`the inbox is purged later after ${failureCode(error)}`),
      );
    }, HOUR_MS);
  }

  override async stop(): Promise<void> {
    clearInterval(this.purging);
    await super.stop();
  }
}
