import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema } from '../schema.js';

/**
 * Chains have short numbers, and places go by them: an entry has a place in the chain of each party and subject, so the names,
 * of 46 characters for a subject, were half of what the index of places held. The appender, which is alone in writing, numbers
 * a chain when it meets it first. As with the places, an erasure leaves the name of a subject's chain (decision 0031).
 */
export class Chains1764144000001 implements MigrationInterface {
  readonly name = 'Chains1764144000001';

  async up(runner: QueryRunner): Promise<void> {
    const s = auditSchema;
    await runner.query(`
      CREATE TABLE ${s}.chain (
        id integer PRIMARY KEY CHECK (id > 0),
        name text COLLATE "C" NOT NULL UNIQUE
      );
      INSERT INTO ${s}.chain (id, name)
        SELECT row_number() OVER (ORDER BY min(leaf_index), chain), chain FROM ${s}.entry_place GROUP BY chain;

      ALTER TABLE ${s}.entry_place DROP CONSTRAINT entry_place_pkey;
      ALTER TABLE ${s}.entry_place RENAME TO named_place;
      CREATE TABLE ${s}.entry_place (
        leaf_index bigint NOT NULL,
        number bigint CHECK (number > 0),
        previous bigint,
        chain integer NOT NULL,
        link bytea CHECK (octet_length(link) = 32),
        PRIMARY KEY (chain, leaf_index),
        CHECK ((number IS NULL) = (link IS NULL))
      );
      INSERT INTO ${s}.entry_place (leaf_index, number, previous, chain, link)
        SELECT leaf_index, number, previous, id, link FROM ${s}.named_place JOIN ${s}.chain ON name = chain ORDER BY leaf_index;
      DROP TABLE ${s}.named_place;

      CREATE OR REPLACE FUNCTION ${s}.erase_entries(leaves bigint[], tombstone bigint) RETURNS integer
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
          -- An agency's number and a leaf are about no person. Of a subject's chain the newest stays, or it would begin again.
          DELETE FROM ${s}.entry_place AS place USING ${s}.chain AS of
            WHERE place.leaf_index = ANY (leaves) AND of.id = place.chain AND of.name ~ '^p[0-9]'
              AND EXISTS (SELECT FROM ${s}.entry_place AS newer
                WHERE newer.chain = place.chain AND newer.leaf_index > place.leaf_index);
          DELETE FROM ${s}.entry_secret WHERE leaf_index = ANY (leaves);
          DELETE FROM ${s}.entry_evidence WHERE leaf_index = ANY (leaves);
          DELETE FROM ${s}.entry_index WHERE leaf_index = ANY (leaves);
          UPDATE ${s}.entry SET body = NULL WHERE leaf_index = ANY (leaves) AND body IS NOT NULL;
          GET DIAGNOSTICS emptied = ROW_COUNT;
          PERFORM set_config('${s}.erasing', '', true);
          RETURN emptied;
        END $$;
    `);
    for (const table of ['entry_place', 'chain'])
      await runner.query(`
        CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${s}.${table}
          FOR EACH STATEMENT EXECUTE FUNCTION ${s}.refuse_change();
        ALTER TABLE ${s}.${table} ENABLE ALWAYS TRIGGER ${table}_append_only;
      `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}

/** What the service's role must not be able to do, beside the triggers. */
export const chainRestrictions: readonly string[] = [
  `REVOKE UPDATE, DELETE, TRUNCATE ON ${auditSchema}.chain FROM :role`,
];
