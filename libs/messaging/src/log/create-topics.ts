import { AppError } from '#kernel';
import type { Admin } from 'kafkajs';
import { type KafkaConnection, kafkaClient, protocolErrorOf } from './kafka-client.js';
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

const LEADERS_WITHIN_MS = 30_000;
const LOOK_AGAIN_MS = 100;
/** What a broker says of a topic that was made a moment ago. */
const NOT_YET: ReadonlySet<string | undefined> = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']);

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
      // kafkajs takes a broker that has not heard of the topic yet for a failure; see `leadersOf`.
      waitForLeaders: false,
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
    await leadersOf(admin, missing);
    return missing;
  } finally {
    await admin.disconnect();
  }
}

/** Waits until every partition has a leader. @throws AppError UNAVAILABLE */
async function leadersOf(admin: Admin, names: readonly string[]): Promise<void> {
  const end = Date.now() + LEADERS_WITHIN_MS;
  while (!(await haveLeaders(admin, names))) {
    if (Date.now() > end) throw new AppError('UNAVAILABLE', 'the new topics have no leaders');
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

async function haveLeaders(admin: Admin, names: readonly string[]): Promise<boolean> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [...names] });
    return topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0));
  } catch (error) {
    if (NOT_YET.has(protocolErrorOf(error))) return false;
    throw error;
  }
}
