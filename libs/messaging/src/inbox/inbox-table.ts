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

/**
 * DDL that `inboxTable` lacks, for a later migration: what a retry of a quarantined record needs and says of itself (`known`: its
 * event had come by another record before), and how often a held message was put off through no fault of its own.
 */
export function setAsideRetries(schema: string): string[] {
  const s = schemaName(schema);
  return [
    `ALTER TABLE ${s}.quarantine
       ADD headers jsonb NOT NULL DEFAULT '{}', ADD sent_at timestamptz, ADD event_id text,
       ADD retries integer NOT NULL DEFAULT 0, ADD retried_at timestamptz,
       ADD taken_at timestamptz, ADD known boolean NOT NULL DEFAULT false`,
    `ALTER TABLE ${s}.held ADD deferrals integer NOT NULL DEFAULT 0`,
  ];
}
