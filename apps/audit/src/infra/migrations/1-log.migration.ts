import type { MigrationInterface, QueryRunner } from 'typeorm';
import { outboxTable } from '#messaging';
import { consentTypes, messageTypes } from '../../domain/entry-types.js';
import { auditSchema } from '../schema.js';

const quoted = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ');

/** Tables whose rows nobody changes or deletes, their owner included. */
const appendOnly = ['entry', 'entry_secret', 'entry_index', 'entry_party', 'tile', 'checkpoint'] as const;

/**
 * The log. `entry` is what the tree hashes, with the sealed body. Secrets, index and parties are tables of their own,
 * because erasure deletes from them and from them only (design 3). Tiles are stored when full, as they will be served.
 * No foreign keys: one writer inserts all of it in one statement, and a check per row is what an appender would feel.
 */
export class Log1763800000001 implements MigrationInterface {
  readonly name = 'Log1763800000001';

  async up(runner: QueryRunner): Promise<void> {
    const s = auditSchema;
    await runner.query(`
      CREATE TABLE ${s}.entry (
        leaf_index bigint PRIMARY KEY CHECK (leaf_index >= 0),
        event_id uuid NOT NULL UNIQUE,
        entry bytea NOT NULL CHECK (octet_length(entry) BETWEEN 17 AND 65535),
        body bytea,
        appended_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      ALTER TABLE ${s}.entry ALTER COLUMN body SET STORAGE EXTERNAL;

      CREATE TABLE ${s}.entry_secret (
        leaf_index bigint PRIMARY KEY,
        kek text NOT NULL,
        wrapped bytea NOT NULL
      );

      CREATE TABLE ${s}.entry_index (
        leaf_index bigint PRIMARY KEY,
        type text NOT NULL,
        at timestamptz NOT NULL,
        exchange_id uuid,
        exchange_number integer,
        message_id uuid,
        manifest_hash text COLLATE "C",
        sender text COLLATE "C",
        recipient text COLLATE "C",
        actor text COLLATE "C",
        subjects text[],
        categories integer[],
        purpose text,
        code text,
        consent_id uuid,
        consent_version integer,
        request_jti text COLLATE "C",
        request_hash text COLLATE "C"
      );
      CREATE INDEX entry_index_message ON ${s}.entry_index (manifest_hash) WHERE type IN (${quoted(messageTypes)});
      CREATE INDEX entry_index_consent ON ${s}.entry_index (consent_id) WHERE type IN (${quoted(consentTypes)});
      CREATE INDEX entry_index_request ON ${s}.entry_index (request_jti) WHERE request_jti IS NOT NULL;

      CREATE TABLE ${s}.entry_party (
        agency text COLLATE "C" NOT NULL,
        leaf_index bigint NOT NULL,
        PRIMARY KEY (agency, leaf_index)
      );

      CREATE TABLE ${s}.tile (
        tile_level smallint NOT NULL,
        n bigint NOT NULL,
        hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
        root bytea NOT NULL CHECK (octet_length(root) = 32),
        PRIMARY KEY (tile_level, n)
      );
      ALTER TABLE ${s}.tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

      -- The tree's state: its last row. One root for each size, by the key.
      CREATE TABLE ${s}.checkpoint (
        tree_size bigint PRIMARY KEY,
        root bytea NOT NULL CHECK (octet_length(root) = 32),
        note text NOT NULL,
        made_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );

      CREATE TABLE ${s}.consumed_offset (
        topic text NOT NULL,
        partition integer NOT NULL,
        next_offset bigint NOT NULL,
        PRIMARY KEY (topic, partition)
      );
      CREATE TABLE ${s}.quarantine (
        id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
        topic text NOT NULL,
        partition integer NOT NULL,
        kafka_offset bigint NOT NULL,
        key text NOT NULL,
        value bytea NOT NULL,
        failure text NOT NULL,
        quarantined_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      CREATE UNIQUE INDEX quarantine_once ON ${s}.quarantine (topic, partition, kafka_offset, sha256(value));

      CREATE FUNCTION ${s}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the log is append-only' USING ERRCODE = 'insufficient_privilege'; END $$;
    `);
    for (const table of appendOnly) {
      // ALWAYS: also where triggers are switched off for a session by session_replication_role.
      await runner.query(`
        CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${s}.${table}
          FOR EACH STATEMENT EXECUTE FUNCTION ${s}.refuse_change();
        ALTER TABLE ${s}.${table} ENABLE ALWAYS TRIGGER ${table}_append_only;
      `);
    }
    for (const statement of outboxTable(s)) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}

/** What the service's role must not be able to do, beside the triggers. */
export const logRestrictions: readonly string[] = [
  `REVOKE UPDATE, DELETE, TRUNCATE ON ${appendOnly
    .filter((table) => table !== 'entry_party')
    .map((table) => `${auditSchema}.${table}`)
    .join(', ')} FROM :role`,
  `REVOKE DELETE ON ${auditSchema}.quarantine, ${auditSchema}.consumed_offset FROM :role`,
];
