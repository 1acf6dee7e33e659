import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { createTopics } from './create-topics.js';
import { KafkaLog } from './kafka-log.js';
import { messageLogContract } from './message-log.contract.js';

const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const topicPrefix = `t${randomUUID().slice(0, 8)}-`;

Logger.overrideLogger(false);

async function connected(): Promise<KafkaLog> {
  const log = new KafkaLog({ brokers, clientId: 'spec', topicPrefix });
  await log.connect();
  return log;
}

messageLogContract('KafkaLog', {
  open: async (topic) => {
    await createTopics(brokers, [topic], { replication: 1, prefix: topicPrefix });
    return connected();
  },
  another: connected,
});
