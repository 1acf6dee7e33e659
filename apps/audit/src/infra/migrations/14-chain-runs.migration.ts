import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema } from '../schema.js';

/** Tables from which an erasure takes, and the one whose bodies it empties. */
const erasable = ['entry', 'entry_secret', 'entry_evidence', 'entry_index', 'chain_run'] as const;

/**
 * What a batch adds to a chain is one row, or a few: its entries follow one another there, so that their numbers and links follow from those
 * of the first (decision 0038). A row for each place of each entry was a third of what an append cost PostgreSQL. What stood as
 * a place is a run of one. An erasure takes a run apart around what goes; the rest keeps its numbers and links.
 */
export class ChainRuns1764160000001 implements MigrationInterface {
  readonly name = 'ChainRuns1764160000001';

  async up(runner: QueryRunner): Promise<void> {
    const s = auditSchema;
    await runner.query(`
      CREATE TABLE ${s}.chain_run (
        last_leaf bigint NOT NULL,
        -- Of the first entry; without one, the run is older than the counting.
        number bigint CHECK (number > 0),
        previous bigint,
        chain integer NOT NULL,
        link bytea CHECK (octet_length(link) = 32),
        leaves bigint[] NOT NULL CHECK (leaves[1] <= last_leaf AND leaves[cardinality(leaves)] = last_leaf),
        PRIMARY KEY (chain, last_leaf),
        CHECK ((number IS NULL) = (link IS NULL))
      );
      INSERT INTO ${s}.chain_run (chain, last_leaf, number, previous, link, leaves)
        SELECT chain, leaf_index, number, previous, link, ARRAY[leaf_index] FROM ${s}.entry_place ORDER BY leaf_index;
      DROP TABLE ${s}.entry_place;

      -- Of the entry at this place of a run, from 1: each link is SHA-256(link before it ‖ leaf before it, as 64 bits).
      CREATE FUNCTION ${s}.link_within(link bytea, leaves bigint[], at bigint) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT AS $$
        BEGIN
          FOR before IN 1 .. at - 1 LOOP link := sha256(link || int8send(leaves[before])); END LOOP;
          RETURN link;
        END $$;

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
          WITH hit AS (
            SELECT DISTINCT run.chain, run.last_leaf
            FROM ${s}.chain_run AS run JOIN ${s}.chain AS of ON of.id = run.chain CROSS JOIN LATERAL unnest(run.leaves) AS each (leaf)
            WHERE of.name ~ '^p[0-9]' AND each.leaf IN (SELECT unnest(erase_entries.leaves))
              AND run.last_leaf >= (SELECT min(leaf) FROM unnest(erase_entries.leaves) AS leaf)
              AND run.leaves[1] <= (SELECT max(leaf) FROM unnest(erase_entries.leaves) AS leaf)
          ), torn AS (
            DELETE FROM ${s}.chain_run AS run USING hit
            WHERE run.chain = hit.chain AND run.last_leaf = hit.last_leaf RETURNING run.*
          ), place AS (
            SELECT torn.chain, torn.last_leaf, torn.number + at - 1 AS number, leaf, at,
              coalesce(torn.leaves[at - 1], torn.previous) AS previous, ${s}.link_within(torn.link, torn.leaves, at) AS link
            FROM torn CROSS JOIN LATERAL unnest(torn.leaves) WITH ORDINALITY AS each (leaf, at)
          ), kept AS (
            SELECT place.*, at - row_number() OVER (PARTITION BY chain, last_leaf ORDER BY at) AS island FROM place
            WHERE leaf <> ALL (erase_entries.leaves)
              OR leaf = (SELECT max(newest.last_leaf) FROM ${s}.chain_run AS newest WHERE newest.chain = place.chain)
          )
          INSERT INTO ${s}.chain_run (chain, last_leaf, number, previous, link, leaves)
            SELECT chain, max(leaf), min(number), (array_agg(previous ORDER BY at))[1], (array_agg(link ORDER BY at))[1],
              array_agg(leaf ORDER BY at)
            FROM kept GROUP BY chain, last_leaf, island;
          DELETE FROM ${s}.entry_secret WHERE leaf_index = ANY (leaves);
          DELETE FROM ${s}.entry_evidence WHERE leaf_index = ANY (leaves);
          DELETE FROM ${s}.entry_index WHERE leaf_index = ANY (leaves);
          UPDATE ${s}.entry SET body = NULL WHERE leaf_index = ANY (leaves) AND body IS NOT NULL;
          GET DIAGNOSTICS emptied = ROW_COUNT;
          PERFORM set_config('${s}.erasing', '', true);
          RETURN emptied;
        END $$;

      CREATE OR REPLACE FUNCTION ${s}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP <> 'TRUNCATE' AND TG_TABLE_NAME IN (${erasable.map((table) => `'${table}'`).join(', ')})
            AND current_setting('${s}.erasing', true) = pg_current_xact_id_if_assigned()::text
            AND current_user = (SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE oid = '${s}.erase_entries'::regproc)
          THEN RETURN NULL; END IF;
          RAISE EXCEPTION 'the log is append-only' USING ERRCODE = 'insufficient_privilege';
        END $$;
      CREATE TRIGGER chain_run_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${s}.chain_run
        FOR EACH STATEMENT EXECUTE FUNCTION ${s}.refuse_change();
      ALTER TABLE ${s}.chain_run ENABLE ALWAYS TRIGGER chain_run_append_only;
    `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}

/** What the service's role must not be able to do, beside the triggers. */
export const runRestrictions: readonly string[] = [
  `REVOKE UPDATE, DELETE, TRUNCATE ON ${auditSchema}.chain_run FROM :role`,
];
