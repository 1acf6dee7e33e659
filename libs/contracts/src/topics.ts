/** Every Kafka topic with its message type; an unknown topic is a failure at start (design: Kafka settings). */
export const topics = {
  submissions: 'exchange.submissions.v1',
  exchangeEvents: 'exchange.events.v1',
  consentEvents: 'consent.events.v1',
  directoryEvents: 'directory.events.v1',
  auditEvents: 'audit.events.v1',
  gatewayRefusals: 'gateway.refusals.v1',
} as const;

export type Topic = (typeof topics)[keyof typeof topics];
export const allTopics: readonly Topic[] = Object.values(topics);
