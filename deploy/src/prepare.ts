import { allTopics } from '#contracts';
import { createTopics } from '#messaging';
import { type DatabaseSpec, prepareDatabase } from '#platform';
import type { Stack } from './stack.js';

/** Between the start of the infrastructure and that of the services: topics, roles, schemas, migrations. */
export async function prepare(stack: Stack, databases: readonly DatabaseSpec[], topicPrefix = ''): Promise<void> {
  await Promise.all([
    createTopics(stack.kafkaBrokers.split(','), allTopics, { replication: 1, prefix: topicPrefix }),
    Promise.all(databases.map((database) => prepareDatabase(stack.hubDatabaseUrl, database))),
  ]);
}
