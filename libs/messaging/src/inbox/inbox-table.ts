import { schemaName } from '../sql/schema-name.js';

/**
 * DDL of the inbox for a migration: `inbox` (event ids taken, the dedupe), `inbox_offset` (how far each partition is),
 * `held` (messages that failed and those of the same exchange behind them, raw; also the parked ones), `discarded` (what
 * an operator gave up, with the reason), `quarantine` (what could not be parsed, raw).
 */
export function inboxTable(schema: string): string[] {
  const s = schemaName(schema);
  return [
    `CREATE TABLE ${s}.inbox (
       consumer text NOT NULL,
       event_id text NOT NULL,
       received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
       PRIMARY KEY (consumer, event_id)
     )`,
    // Rows come in the order of time, so block ranges are enough for the purge and cost the inserts nothing.
    `CREATE INDEX inbox_received_at ON ${s}.inbox USING brin (received_at)`,
    `CREATE TABLE ${s}.inbox_offset (
       consumer text NOT NULL,
       topic text NOT NULL,
       partition integer NOT NULL,
       next_offset bigint NOT NULL,
       PRIMARY KEY (consumer, topic, partition)
     )`,
    `CREATE TABLE ${s}.held (
       id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
       consumer text NOT NULL,
       exchange_id text NOT NULL,
       event_id text NOT NULL,
       topic text NOT NULL,
       partition integer NOT NULL,
       kafka_offset bigint NOT NULL,
       key text NOT NULL,
       value bytea NOT NULL,
       headers jsonb NOT NULL,
       sent_at timestamptz NOT NULL,
       attempts integer NOT NULL DEFAULT 0,
       last_failure text,
       next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
       held_at timestamptz NOT NULL DEFAULT clock_timestamp(),
       parked_at timestamptz,
       UNIQUE (consumer, event_id)
     )`,
    `CREATE INDEX held_queue ON ${s}.held (consumer, exchange_id, id)`,
    `CREATE TABLE ${s}.discarded (
       id bigint PRIMARY KEY,
       consumer text NOT NULL,
       exchange_id text NOT NULL,
       event_id text NOT NULL,
       topic text NOT NULL,
       key text NOT NULL,
       value bytea NOT NULL,
       last_failure text,
       reason text NOT NULL,
       discarded_at timestamptz NOT NULL DEFAULT clock_timestamp()
     )`,
    `CREATE TABLE ${s}.quarantine (
       id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
       consumer text NOT NULL,
       topic text NOT NULL,
       partition integer NOT NULL,
       kafka_offset bigint NOT NULL,
       key text NOT NULL,
       value bytea NOT NULL,
       failure text NOT NULL,
       quarantined_at timestamptz NOT NULL DEFAULT clock_timestamp()
     )`,
    `CREATE UNIQUE INDEX quarantine_once ON ${s}.quarantine (consumer, topic, partition, kafka_offset, sha256(value))`,
  ];
}

/** DDL of a later migration, there and back. */
export interface InboxChange {
  readonly up: readonly string[];
  readonly down: readonly string[];
}

/**
 * What a retry of a quarantined record needs and says of itself (`known`: its event had come by another record before), and how
 * often a held message was put off through no fault of its own.
 */
export function setAsideRetries(schema: string): InboxChange {
  const s = schemaName(schema);
  return {
    up: [
      `ALTER TABLE ${s}.quarantine
         ADD headers jsonb NOT NULL DEFAULT '{}', ADD sent_at timestamptz, ADD event_id text,
         ADD retries integer NOT NULL DEFAULT 0, ADD retried_at timestamptz,
         ADD taken_at timestamptz, ADD known boolean NOT NULL DEFAULT false`,
      `ALTER TABLE ${s}.held ADD deferrals integer NOT NULL DEFAULT 0`,
    ],
    down: [
      `ALTER TABLE ${s}.held DROP deferrals`,
      `ALTER TABLE ${s}.quarantine DROP headers, DROP sent_at, DROP event_id, DROP retries, DROP retried_at, DROP taken_at,
         DROP known`,
    ],
  };
}

/** Who ended what was set aside without its effect, and why; of what was parked, also where it came from. */
export function setAsideDiscards(schema: string): InboxChange {
  const s = schemaName(schema);
  return {
    up: [
      `ALTER TABLE ${s}.quarantine
         ADD discarded_at timestamptz, ADD discarded_by text, ADD discard_reason text,
         ADD CONSTRAINT quarantine_ends_once CHECK (discarded_at IS NULL OR taken_at IS NULL),
         ADD CONSTRAINT quarantine_discard CHECK (num_nulls(discarded_at, discarded_by, discard_reason) IN (0, 3))`,
      `ALTER TABLE ${s}.discarded
         ADD discarded_by text, ADD partition integer, ADD kafka_offset bigint, ADD parked_at timestamptz`,
    ],
    down: [
      `ALTER TABLE ${s}.discarded DROP discarded_by, DROP partition, DROP kafka_offset, DROP parked_at`,
      `ALTER TABLE ${s}.quarantine DROP discarded_at, DROP discarded_by, DROP discard_reason`,
    ],
  };
}

/** What was set aside stays where it lies, whatever became of it. */
export const setAsideRestrictions = (schema: string): string[] => [
  `REVOKE DELETE ON ${schemaName(schema)}.quarantine FROM :role`,
  `REVOKE UPDATE, DELETE ON ${schemaName(schema)}.discarded FROM :role`,
];
