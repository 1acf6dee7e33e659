import { schemaName } from '../sql/schema-name.js';

/**
 * DDL of the outbox for a migration: `outbox` (append-only), `outbox_position` (how far the relay and the reconciliation
 * are), `outbox_logged` (which events audit has confirmed; a table of its own because outbox rows never change).
 */
export function outboxTable(schema: string): string[] {
  const s = schemaName(schema);
  return [
    `CREATE TABLE ${s}.outbox (
       tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
       id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
       event_id text NOT NULL UNIQUE,
       topic text NOT NULL,
       key text NOT NULL,
       payload bytea NOT NULL,
       created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
       PRIMARY KEY (tx, id)
     )`,
    `CREATE TABLE ${s}.outbox_position (
       name text PRIMARY KEY,
       tx xid8 NOT NULL DEFAULT '0',
       id bigint NOT NULL DEFAULT 0,
       moved_at timestamptz NOT NULL DEFAULT clock_timestamp()
     )`,
    `INSERT INTO ${s}.outbox_position (name) VALUES ('relay'), ('reconciled')`,
    `CREATE TABLE ${s}.outbox_logged (
       event_id text PRIMARY KEY,
       leaf_index bigint NOT NULL,
       logged_at timestamptz NOT NULL DEFAULT clock_timestamp()
     )`,
    `CREATE FUNCTION ${s}.outbox_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'the outbox is append-only' USING ERRCODE = 'insufficient_privilege'; END $$`,
    ...['outbox', 'outbox_logged'].map(
      (table) =>
        `CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR TRUNCATE ON ${s}.${table}
           FOR EACH STATEMENT EXECUTE FUNCTION ${s}.outbox_refuse_change()`,
    ),
  ];
}

/** What the service's role (`:role`) must not be able to do beside the trigger. DELETE stays, for the purge. */
export const outboxRestrictions = (schema: string): string[] => [
  `REVOKE UPDATE ON ${schemaName(schema)}.outbox, ${schemaName(schema)}.outbox_logged FROM :role`,
];
