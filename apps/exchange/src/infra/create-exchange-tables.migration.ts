import { inboxTable, outboxTable } from '#messaging';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const schema = 'exchange';

const tables = [
  // A row without a state is a place to lock: the first accepted message fixes parties and kind.
  `CREATE TABLE exchange.exchanges (
     id uuid PRIMARY KEY,
     state text,
     opened_by text,
     asker text,
     holder text,
     opening_message text,
     categories smallint[] NOT NULL DEFAULT '{}',
     deadline timestamptz,
     last_number integer NOT NULL DEFAULT 0,
     opened_at timestamptz,
     closed_at timestamptz,
     CHECK ((state IS NULL) = (opened_by IS NULL)),
     CHECK ((state IS NULL) = (asker IS NULL)),
     CHECK (state IN ('open', 'answered', 'refused', 'expired', 'withdrawn', 'cancelled'))
   )`,
  `CREATE INDEX exchanges_due ON exchange.exchanges (deadline) WHERE state = 'open' AND deadline IS NOT NULL`,

  // Named by the manifest's hash. The first attributable message under (sender, message id) has that id; another one under
  // it is kept as rejected and takes nothing away.
  `CREATE TABLE exchange.messages (
     manifest_hash text PRIMARY KEY,
     exchange_id uuid NOT NULL,
     message_id uuid NOT NULL,
     sender text NOT NULL,
     recipient text NOT NULL,
     recipient_key text NOT NULL,
     kind text NOT NULL,
     state text NOT NULL,
     code text,
     owns_id boolean NOT NULL,
     in_reply_to text,
     consents uuid[] NOT NULL,
     manifest text NOT NULL,
     expires_at timestamptz NOT NULL,
     received_at timestamptz NOT NULL,
     changed_at timestamptz NOT NULL,
     accepted_event text,
     releasing_until timestamptz,
     ends_with text,
     CHECK (state IN ('rejected', 'available', 'delivered', 'released', 'expired', 'withdrawn', 'undeliverable'))
   )`,
  `CREATE UNIQUE INDEX messages_own_id ON exchange.messages (sender, message_id) WHERE owns_id`,
  `CREATE INDEX messages_of_exchange ON exchange.messages (exchange_id)`,
  `CREATE INDEX messages_unopened ON exchange.messages (expires_at) WHERE state IN ('available', 'delivered')`,
  `CREATE INDEX messages_ending ON exchange.messages (changed_at)
     WHERE state IN ('available', 'delivered') AND ends_with IS NOT NULL`,
  `CREATE INDEX messages_by_key ON exchange.messages (recipient_key) WHERE state IN ('available', 'delivered')`,
  `CREATE INDEX messages_by_consent ON exchange.messages USING gin (consents)
     WHERE state IN ('available', 'delivered', 'released')`,
  `CREATE INDEX messages_by_event ON exchange.messages (accepted_event) WHERE accepted_event IS NOT NULL`,

  // Ciphertext, apart from the state so that it can be deleted as soon as nobody may read it any more.
  `CREATE TABLE exchange.message_bodies (
     manifest_hash text PRIMARY KEY REFERENCES exchange.messages,
     capsule text NOT NULL,
     outer_token text NOT NULL,
     expires_at timestamptz NOT NULL
   )`,
  // Ciphertext does not compress.
  `ALTER TABLE exchange.message_bodies
     ALTER COLUMN capsule SET STORAGE EXTERNAL, ALTER COLUMN outer_token SET STORAGE EXTERNAL`,
  `CREATE INDEX message_bodies_expired ON exchange.message_bodies (expires_at)`,

  // Where a message's accepted entry stands in the log. A table of its own: it is written without the exchange's lock.
  `CREATE TABLE exchange.message_leaves (
     manifest_hash text PRIMARY KEY,
     leaf_index bigint NOT NULL
   )`,

  `CREATE TABLE exchange.mailboxes (
     agency text PRIMARY KEY,
     head bigint NOT NULL DEFAULT 0,
     acknowledged bigint NOT NULL DEFAULT 0,
     CHECK (acknowledged <= head)
   )`,
  `CREATE TABLE exchange.mailbox_items (
     agency text NOT NULL REFERENCES exchange.mailboxes,
     number bigint NOT NULL,
     manifest_hash text REFERENCES exchange.messages,
     notice text,
     put_at timestamptz NOT NULL DEFAULT clock_timestamp(),
     PRIMARY KEY (agency, number),
     CHECK (num_nonnulls(manifest_hash, notice) = 1)
   )`,

  // Notices that wait for the log receipt of their event, and receipts that came before what they belong to.
  `CREATE TABLE exchange.awaited_receipts (
     event_id text PRIMARY KEY,
     agency text NOT NULL,
     outcome jsonb NOT NULL,
     since timestamptz NOT NULL DEFAULT clock_timestamp()
   )`,
  `CREATE TABLE exchange.early_receipts (
     event_id text PRIMARY KEY,
     receipt jsonb NOT NULL,
     since timestamptz NOT NULL DEFAULT clock_timestamp()
   )`,
  `CREATE INDEX early_receipts_since ON exchange.early_receipts (since)`,

  `CREATE TABLE exchange.quota_counts (
     agency text NOT NULL,
     subject text NOT NULL,
     window_start timestamptz NOT NULL,
     count integer NOT NULL,
     PRIMARY KEY (agency, subject, window_start)
   )`,
  `CREATE INDEX quota_counts_window ON exchange.quota_counts (window_start)`,

  // Release keys as the log's clear leaves name them, and how far the log was read.
  `CREATE TABLE exchange.release_keys (
     kid text PRIMARY KEY,
     use_from timestamptz NOT NULL,
     use_until timestamptz NOT NULL,
     destroy_after timestamptz NOT NULL
   )`,
  `CREATE TABLE exchange.log_position (
     single boolean PRIMARY KEY DEFAULT true CHECK (single),
     next bigint NOT NULL
   )`,
  `INSERT INTO exchange.log_position (next) VALUES (0)`,
];

export class CreateExchangeTables1763800000000 implements MigrationInterface {
  readonly name = 'CreateExchangeTables1763800000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...tables, ...inboxTable(schema), ...outboxTable(schema)]) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('the first migration has nothing to go back to');
  }
}
