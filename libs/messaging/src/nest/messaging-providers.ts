import type { FactoryProvider, InjectionToken } from '@nestjs/common';
import type { Topic } from '#contracts';
import { KafkaLog } from '../log/kafka-log.js';
import type { MessageLog } from '../log/message-log.js';
import { Outbox } from '../outbox/outbox.js';
import { OutboxReconciler } from '../outbox/outbox-reconciler.js';
import { OutboxRelay, type OutboxRelayOptions } from '../outbox/outbox-relay.js';

/** Kafka, as a service of the hub speaks to it. */
export const MESSAGE_LOG = Symbol('MessageLog');

export interface ServiceMessaging {
  /** Name of the service: its client id at the brokers. */
  readonly service: string;
  /** `host:port`, separated by commas. */
  readonly brokers: string;
  readonly topicPrefix: string | undefined;
  /** PostgreSQL schema with the service's outbox. */
  readonly schema: string;
  /** Topics of the service whose records become entries of the log. None for audit itself: then it only forgets what is published and old. */
  readonly loggedTopics: readonly Topic[];
  /** Provider of the database in which the outbox lies. */
  readonly database: InjectionToken;
}

type WithPool = Pick<OutboxRelayOptions, 'pool'>;

/** What each service that publishes facts needs: Kafka, the outbox, its relay, and who sends again what is not logged. */
export function messagingProviders(options: ServiceMessaging): FactoryProvider[] {
  const { service, brokers, topicPrefix, schema, loggedTopics, database } = options;
  return [
    {
      provide: MESSAGE_LOG,
      useFactory: () =>
        new KafkaLog({
          clientId: service,
          brokers: brokers.split(','),
          ...(topicPrefix !== undefined && { topicPrefix }),
        }),
    },
    { provide: Outbox, useFactory: () => new Outbox(schema) },
    {
      provide: OutboxRelay,
      inject: [database, MESSAGE_LOG],
      useFactory: ({ pool }: WithPool, log: MessageLog) => new OutboxRelay({ pool, schema, log }),
    },
    {
      provide: OutboxReconciler,
      inject: [database, MESSAGE_LOG],
      useFactory: ({ pool }: WithPool, log: MessageLog) => new OutboxReconciler({ pool, schema, log, loggedTopics }),
    },
  ];
}
