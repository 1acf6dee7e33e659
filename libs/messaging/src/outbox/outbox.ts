import type { EventId } from '#kernel';
import { schemaName } from '../sql/schema-name.js';
import type { Queryable } from '../sql/transaction.js';

/** A fact to be published. Its event id is fixed here; the log leaf reuses it. */
export interface OutboxRow {
  readonly eventId: EventId;
  readonly topic: string;
  /** Decides partition and order: the exchange id where there is one. */
  readonly key: string;
  readonly payload: Uint8Array;
}

/** The writing side: rows go in with the state change, in its transaction. */
export class Outbox {
  private readonly insert: { readonly name: string; readonly text: string };

  constructor(readonly schema: string) {
    this.insert = { name: `${schemaName(schema)}.outbox-enqueue`, text: enqueueText(schema, 1) };
  }

  /** @param client the connection of the transaction that makes the facts true; wake the relay after its commit */
  async enqueue(client: Queryable, rows: readonly OutboxRow[]): Promise<void> {
    if (rows.length === 0) return;
    await client.query({ ...this.insert, values: enqueueValues(rows) });
  }
}

/**
 * The insert alone, with its four values from the given place on: for a statement that writes facts and their events at once.
 * The order of the identities is the order of publishing, so it must be that of the array.
 */
export const enqueueText = (schema: string, place: number): string => `
  INSERT INTO ${schemaName(schema)}.outbox (event_id, topic, key, payload)
  SELECT event_id, topic, key, payload
  FROM unnest($${place}::text[], $${place + 1}::text[], $${place + 2}::text[], $${place + 3}::bytea[])
    WITH ORDINALITY AS given (event_id, topic, key, payload, at)
  ORDER BY at`;

export const enqueueValues = (rows: readonly OutboxRow[]): unknown[] => [
  rows.map(({ eventId }) => eventId),
  rows.map(({ topic }) => topic),
  rows.map(({ key }) => key),
  rows.map(({ payload }) => Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)),
];
