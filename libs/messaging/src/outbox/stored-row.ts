import type { LogRecord, MessageLog } from '../log/message-log.js';

/** Position of a row: the transaction that wrote it, then its identity. Both as decimal text. */
export interface Cursor {
  readonly tx: string;
  readonly id: string;
}

export interface StoredRow {
  /** Not named `tx`: an ORDER BY would then sort this text instead of the xid8 column. */
  readonly tx_text: string;
  readonly id_text: string;
  readonly event_id: string;
  readonly topic: string;
  readonly key: string;
  readonly payload: Buffer;
  readonly created_at: Date;
}

export const cursorOf = ({ tx_text, id_text }: StoredRow): Cursor => ({ tx: tx_text, id: id_text });

/** Topic by topic side by side: order is kept within a topic's partition, and nobody relies on more. */
export async function publishRows(log: MessageLog, rows: readonly StoredRow[]): Promise<void> {
  const byTopic = new Map<string, LogRecord[]>();
  for (const { topic, key, payload } of rows) {
    const records = byTopic.get(topic);
    if (records) records.push({ key, value: payload });
    else byTopic.set(topic, [{ key, value: payload }]);
  }
  await Promise.all([...byTopic].map(([topic, records]) => log.publish(topic, records)));
}
