/** The name on the brokers. A prefix keeps the runs of tests apart that share one Kafka. */
export const topicName = (name: string, prefix = ''): string => `${prefix}${name}`;
