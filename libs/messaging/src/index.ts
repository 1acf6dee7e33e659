export * from './inbox/backoff.js';
export { INBOX_RETENTION_MS, InboxConsumer } from './inbox/inbox-consumer.js';
export type { RetriedRecord } from './inbox/inbox-consumer.js';
export type {
  InboxConsumerOptions,
  InboxHandler,
  InboxMessage,
  OffsetJump,
  QuarantinedMessage,
} from './inbox/inbox-handler.js';
export { checkDiscard, discardEvidence, discardToken } from './inbox/discarded-record.js';
export type { Discard, SetAsidePlace } from './inbox/discarded-record.js';
export { inboxTable, setAsideDiscards, setAsideRestrictions, setAsideRetries } from './inbox/inbox-table.js';
export { LoggedConsumer } from './inbox/logged-consumer.js';
export { ParkedMessages } from './inbox/parked-messages.js';
export type { DiscardedMessage, ListedMessage, ParkedMessage, ParkedMessagesOptions } from './inbox/parked-messages.js';
export { SetAsideRecords } from './inbox/set-aside-records.js';
export type { EndedRecord, SetAsideDesk, SetAsideRecord } from './inbox/set-aside-records.js';
export * from './log/create-topics.js';
export { InMemoryLog } from './log/in-memory-log.js';
export type { KafkaConnection } from './log/kafka-client.js';
export { KafkaLog } from './log/kafka-log.js';
export type { KafkaLogOptions } from './log/kafka-log.js';
export * from './log/message-log.js';
export { partitionOf } from './log/partition.js';
export { topicName } from './log/topic-name.js';
export { KafkaBatch } from './nest/kafka-batch.js';
export { MESSAGE_LOG, messagingProviders } from './nest/messaging-providers.js';
export { SET_ASIDE, SetAsideController } from './nest/set-aside.controller.js';
export { KafkaContext, KafkaTransport } from './nest/kafka-transport.js';
export type { KafkaTransportOptions } from './nest/kafka-transport.js';
export { enqueueText, enqueueValues, Outbox } from './outbox/outbox.js';
export type { OutboxRow } from './outbox/outbox.js';
export * from './outbox/outbox-reconciler.js';
export { EventsOfRows, rowWithoutEvent } from './outbox/events-of-rows.js';
export type { EventsOfRowsOptions, NamingRow } from './outbox/events-of-rows.js';
export { LogReconciler } from './outbox/log-reconciler.js';
export type { ReconcilingAudit, RecordedRows } from './outbox/log-reconciler.js';
export { reconciliationTable } from './outbox/reconciliation-table.js';
export { unloggedTable } from './outbox/unlogged-table.js';
export { OutboxRelay } from './outbox/outbox-relay.js';
export type { OutboxRelayOptions } from './outbox/outbox-relay.js';
export { outboxRestrictions, outboxTable } from './outbox/outbox-table.js';
export { inTransaction } from './sql/transaction.js';
export type { Queryable } from './sql/transaction.js';
export { TransientFailure, failureCode, isTransient } from './sql/transient-failure.js';
