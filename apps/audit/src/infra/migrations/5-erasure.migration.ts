import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema } from '../schema.js';

/** Tables from which an erasure takes, and the one whose bodies it empties. */
const erasable = ['entry', 'entry_secret', 'entry_evidence', 'entry_index', 'entry_place'] as const;

/**
 * Erasure. Its two functions are the only way past the append-only triggers, and they take nothing that no tombstone names: a
 * tombstone stands in the log before anything goes, so that what was begun is ended after whatever stops it, and a restored
 * database is brought to where it was (decision 0031).
 */
export class Erasure1764117000001 implements MigrationInterface {
  readonly name = 'Erasure1764117000001';

  async up(runner: QueryRunner): Promise<void> {
    const s = auditSchema;
    await runner.query(`
      CREATE INDEX entry_index_tombstone ON ${s}.entry_index (leaf_index) WHERE type = 'tombstone';

      -- Tombstones that the public log shows and this database, restored from an earlier state, does not have.
      CREATE TABLE ${s}.published_tombstone (
        leaf_index bigint PRIMARY KEY,
        entry bytea NOT NULL,
        read_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      CREATE TRIGGER published_tombstone_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${s}.published_tombstone
        FOR EACH STATEMENT EXECUTE FUNCTION ${s}.refuse_change();
      ALTER TABLE ${s}.published_tombstone ENABLE ALWAYS TRIGGER published_tombstone_append_only;

      -- What was asked, and what came of it. The signed proposal may name a person, so it goes when the erasure is done.
      CREATE TABLE ${s}.erasure (
        proposal_hash text COLLATE "C" PRIMARY KEY,
        proposal text,
        ground text NOT NULL,
        proposer text COLLATE "C" NOT NULL,
        proposed_at timestamptz NOT NULL,
        indices jsonb NOT NULL,
        targets text COLLATE "C" NOT NULL,
        entries integer NOT NULL CHECK (entries > 0),
        persons integer NOT NULL,
        approval text,
        approval_hash text COLLATE "C",
        approver text COLLATE "C",
        approved_at timestamptz,
        tombstone bigint,
        erased_at timestamptz,
        CHECK (proposer <> approver)
      );
      CREATE TABLE ${s}.legal_hold (
        hold_hash text COLLATE "C" PRIMARY KEY,
        -- It may name a person, so it goes when the hold is lifted.
        hold text,
        agency text COLLATE "C" NOT NULL,
        matter text NOT NULL,
        subject text,
        party text COLLATE "C",
        indices jsonb,
        placed_at timestamptz NOT NULL,
        lift_hash text COLLATE "C",
        lifted_by text COLLATE "C",
        lifted_at timestamptz,
        CHECK (lifted_at IS NOT NULL OR num_nonnulls(subject, party, indices) = 1)
      );

      CREATE FUNCTION ${s}.ranges_of(tombstone jsonb) RETURNS int8multirange LANGUAGE sql IMMUTABLE AS $$
        SELECT range_agg(int8range((one->>'first')::bigint, (one->>'last')::bigint, '[]'))
        FROM jsonb_array_elements(tombstone->'indices') AS one $$;

      -- The record of a tombstone; NULL for a leaf that is none. A clear leaf is 0x02, 16 bytes of event id, JSON.
      CREATE FUNCTION ${s}.tombstone_in(entry bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
        DECLARE said jsonb;
        BEGIN
          IF entry IS NULL OR get_byte(entry, 0) <> 2 THEN RETURN NULL; END IF;
          said := convert_from(substr(entry, 18), 'UTF8')::jsonb;
          RETURN CASE WHEN said->>'type' = 'tombstone' THEN said END;
        END $$;

      CREATE FUNCTION ${s}.erase_entries(leaves bigint[], tombstone bigint) RETURNS integer
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ${s}, pg_temp AS $$
        DECLARE
          said jsonb := ${s}.tombstone_in(coalesce(
            (SELECT entry FROM ${s}.entry WHERE leaf_index = tombstone),
            (SELECT entry FROM ${s}.published_tombstone WHERE leaf_index = tombstone)));
          named int8multirange := ${s}.ranges_of(said);
          emptied integer;
        BEGIN
          IF said IS NULL THEN
            RAISE EXCEPTION 'no tombstone stands at %', tombstone USING ERRCODE = 'insufficient_privilege';
          END IF;
          IF EXISTS (SELECT FROM unnest(leaves) AS leaf WHERE NOT named @> leaf) THEN
            RAISE EXCEPTION 'the tombstone does not name every entry' USING ERRCODE = 'insufficient_privilege';
          END IF;
          IF EXISTS (SELECT FROM ${s}.entry WHERE leaf_index = ANY (leaves) AND get_byte(entry, 0) = 2) THEN
            RAISE EXCEPTION 'an entry in clear has no body' USING ERRCODE = 'insufficient_privilege';
          END IF;
          PERFORM set_config('${s}.erasing', pg_current_xact_id()::text, true);
          DELETE FROM ${s}.entry_secret WHERE leaf_index = ANY (leaves);
          DELETE FROM ${s}.entry_evidence WHERE leaf_index = ANY (leaves);
          DELETE FROM ${s}.entry_index WHERE leaf_index = ANY (leaves);
          -- An agency's number and a leaf are about no person. Of a subject's chain the newest stays, or it would begin again.
          DELETE FROM ${s}.entry_place AS place WHERE leaf_index = ANY (leaves) AND chain ~ '^p[0-9]'
            AND EXISTS (SELECT FROM ${s}.entry_place AS newer
              WHERE newer.chain = place.chain AND newer.leaf_index > place.leaf_index);
          UPDATE ${s}.entry SET body = NULL WHERE leaf_index = ANY (leaves) AND body IS NOT NULL;
          GET DIAGNOSTICS emptied = ROW_COUNT;
          PERFORM set_config('${s}.erasing', '', true);
          RETURN emptied;
        END $$;

      CREATE FUNCTION ${s}.rewrap_secrets(leaves bigint[], rewrapped bytea[], former text, present text) RETURNS integer
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ${s}, pg_temp AS $$
        DECLARE changed integer;
        BEGIN
          IF NOT EXISTS (
            SELECT FROM ${s}.entry_index JOIN ${s}.entry USING (leaf_index)
            WHERE type = 'tombstone' AND ${s}.tombstone_in(entry)->>'kek' = former)
            AND NOT EXISTS (SELECT FROM ${s}.published_tombstone WHERE ${s}.tombstone_in(entry)->>'kek' = former)
          THEN
            RAISE EXCEPTION 'no tombstone ends the key %', former USING ERRCODE = 'insufficient_privilege';
          END IF;
          PERFORM set_config('${s}.erasing', pg_current_xact_id()::text, true);
          UPDATE ${s}.entry_secret SET kek = present, wrapped = given.secret
            FROM unnest(leaves, rewrapped) AS given (leaf, secret)
            WHERE leaf_index = given.leaf AND kek = former;
          GET DIAGNOSTICS changed = ROW_COUNT;
          PERFORM set_config('${s}.erasing', '', true);
          RETURN changed;
        END $$;
      REVOKE EXECUTE ON FUNCTION ${s}.erase_entries, ${s}.rewrap_secrets FROM PUBLIC;

      -- Within one of the two functions, running as their owner in the transaction that it marked; nobody else, the owner
      -- included.
      CREATE OR REPLACE FUNCTION ${s}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP <> 'TRUNCATE' AND TG_TABLE_NAME IN (${erasable.map((table) => `'${table}'`).join(', ')})
            AND current_setting('${s}.erasing', true) = pg_current_xact_id_if_assigned()::text
            AND current_user = (SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE oid = '${s}.erase_entries'::regproc)
          THEN RETURN NULL; END IF;
          RAISE EXCEPTION 'the log is append-only' USING ERRCODE = 'insufficient_privilege';
        END $$;
    `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}

export const erasureRestrictions: readonly string[] = [
  `GRANT EXECUTE ON FUNCTION ${auditSchema}.erase_entries, ${auditSchema}.rewrap_secrets TO :role`,
  `REVOKE UPDATE, DELETE, TRUNCATE ON ${auditSchema}.published_tombstone FROM :role`,
  `REVOKE DELETE, TRUNCATE ON ${auditSchema}.erasure, ${auditSchema}.legal_hold FROM :role`,
];
