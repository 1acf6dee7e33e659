import { AuditEvent } from '#contracts';
import { InboxConsumer, type KafkaBatch, type OutboxReconciler } from '#messaging';
import type { Database } from '#platform';
import { SCHEMA } from './database.js';

/** Takes from audit's events which of this service's facts stand in the log; the others are sent again. */
export class ConfirmLogged {
  private readonly inbox: InboxConsumer<AuditEvent>;

  constructor(database: Database, reconciler: OutboxReconciler) {
    this.inbox = new InboxConsumer<AuditEvent>({
      pool: database.pool,
      schema: SCHEMA,
      consumer: 'confirm-logged',
      decode: (message) => AuditEvent.decode(message.value),
      // One record a batch of the appender: its place in the topic names it.
      idOf: (_body, message) => `${message.key}@${message.offset}`,
      handle: async (client, messages) => {
        const logged = messages.flatMap(({ body }) => (body.event?.$case === 'logged' ? body.event.value.entries : []));
        await reconciler.markLogged(client, logged);
      },
    });
  }

  consume(batch: KafkaBatch): Promise<void> {
    return this.inbox.consumeBatch(batch);
  }

  start(): void {
    this.inbox.start();
  }

  stop(): Promise<void> {
    return this.inbox.stop();
  }
}
