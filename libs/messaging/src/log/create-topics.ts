import type { KafkaConnection } from './kafka-client.js';
import { kafkaClient } from './kafka-client.js';
import { topicName } from './topic-name.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Never changed for a keyed topic: another number sends an exchange's next messages to another partition. */
export const PARTITIONS = 12;
export const RETENTION_MS = 14 * DAY_MS;

export interface CreateTopicsOptions {
  /** Copies of each partition: 3 in production, 1 on a single broker. */
  readonly replication: number;
  readonly prefix?: string;
  readonly sasl?: KafkaConnection['sasl'];
}

/** The prepare step: makes the topics that are missing and leaves the others as they are. Returns the names made. */
export async function createTopics(
  brokers: readonly string[],
  topics: readonly string[],
  { replication, prefix, sasl }: CreateTopicsOptions,
): Promise<string[]> {
  const admin = kafkaClient({ brokers, clientId: 'prepare', ...(sasl && { sasl }) }).admin();
  await admin.connect();
  try {
    const present = new Set(await admin.listTopics());
    const missing = topics.map((name) => topicName(name, prefix)).filter((name) => !present.has(name));
    if (missing.length === 0) return [];
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map((topic) => ({
        topic,
        numPartitions: PARTITIONS,
        replicationFactor: replication,
        configEntries: [
          { name: 'retention.ms', value: String(RETENTION_MS) },
          { name: 'cleanup.policy', value: 'delete' },
          { name: 'min.insync.replicas', value: String(Math.max(1, replication - 1)) },
        ],
      })),
    });
    return missing;
  } finally {
    await admin.disconnect();
  }
}
