import { Logger } from '@nestjs/common';
import { Kafka, logLevel, type LogEntry } from 'kafkajs';
import './quiet-request-queue.js';

export interface KafkaConnection {
  /** host:port, at least one. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly sasl?: { readonly mechanism: 'scram-sha-512'; readonly username: string; readonly password: string };
  readonly ssl?: boolean;
}

/**
 * A kafkajs client whose log lines go through the application's logger, without message contents.
 *
 * @param retries of one request, connecting included
 */
export function kafkaClient(connection: KafkaConnection, retries = 5): Kafka {
  const logger = new Logger('kafkajs');
  return new Kafka({
    clientId: connection.clientId,
    brokers: [...connection.brokers],
    ...(connection.sasl && { sasl: connection.sasl }),
    ssl: connection.ssl ?? false,
    connectionTimeout: 3_000,
    authenticationTimeout: 5_000,
    requestTimeout: 15_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => {
      writeEntry(logger, entry);
    },
  });
}

function writeEntry(logger: Logger, { level, namespace, log }: LogEntry): void {
  const { message, groupId, topic, partition, retryCount }: Record<string, unknown> = { ...log };
  const where = Object.entries({ groupId, topic, partition, retryCount }).filter(([, value]) => value !== undefined);
  const line = [`${namespace}: ${String(message)}`, ...where.map(([name, value]) => `${name}=${String(value)}`)].join(
    ' ',
  );
  // The client logs an error for each attempt of a retry that succeeds later, so its errors are our warnings; what ends
  // in failure comes out of the adapter as an error of its own.
  if (level <= logLevel.WARN) logger.warn(line);
  else logger.debug(line);
}

/** Type of a Kafka protocol error such as `OUT_OF_ORDER_SEQUENCE_NUMBER`, also when kafkajs wrapped it. */
export function protocolErrorOf(error: unknown): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ('type' in at && typeof at.type === 'string') return at.type;
  }
  return undefined;
}

/** Names of the error and its causes: kafkajs tells its errors apart by name. */
export function errorNamesOf(error: unknown): string[] {
  const names: string[] = [];
  for (let at: unknown = error; at instanceof Error && names.length < 8; at = at.cause) names.push(at.name);
  return names;
}

/** Whether the brokers may well do it later: they were away, or are electing. */
export const isRetriable = (error: unknown): boolean => {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    // kafkajs asks a few times for the group's coordinator and then takes its absence for final.
    if (at.name === 'KafkaJSGroupCoordinatorNotFound' || at.name === 'KafkaJSNumberOfRetriesExceeded') return true;
    if ('retriable' in at && at.retriable === true) return true;
  }
  return false;
};
