import { schemaName } from '../sql/schema-name.js';

/**
 * DDL for a migration: `outbox_unlogged` lists the published events that wait for their leaf longer than usual, each with its
 * own next attempt, so that the outbox's position goes past them. `set_aside_at`: audit refuses the event as it is.
 */
export function unloggedTable(schema: string): string[] {
  const s = schemaName(schema);
  return [
    `CREATE TABLE ${s}.outbox_unlogged (
       event_id text PRIMARY KEY,
       attempts integer NOT NULL DEFAULT 0,
       next_at timestamptz NOT NULL,
       set_aside_at timestamptz
     )`,
    `CREATE INDEX outbox_unlogged_next ON ${s}.outbox_unlogged (next_at)`,
  ];
}
