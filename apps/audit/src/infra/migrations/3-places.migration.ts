import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema } from '../schema.js';

/** Places of the entries in the chains of their parties and subjects: rows that nobody changes or deletes. */
const placeTable = 'entry_place';

/**
 * Each entry's number in the chain of each of its parties and subjects (decision 0025), by which those also find it. What
 * stood in `entry_party` stays findable and has no number: it is older than the counting. The words of the index that a
 * search looks at beside those by which audit decides. An erasure leaves the agencies' rows, and of a subject's chain the newest.
 */
export class Places1764115200002 implements MigrationInterface {
  readonly name = 'Places1764115200002';

  async up(runner: QueryRunner): Promise<void> {
    const s = auditSchema;
    await runner.query(`
      CREATE TABLE ${s}.${placeTable} (
        chain text COLLATE "C" NOT NULL,
        leaf_index bigint NOT NULL,
        number bigint CHECK (number > 0),
        previous bigint,
        link bytea CHECK (octet_length(link) = 32),
        PRIMARY KEY (chain, leaf_index),
        CHECK ((number IS NULL) = (link IS NULL))
      );
      INSERT INTO ${s}.${placeTable} (chain, leaf_index)
        SELECT agency, leaf_index FROM ${s}.entry_party
        UNION SELECT unnest(subjects), leaf_index FROM ${s}.entry_index WHERE subjects IS NOT NULL;
      DROP TABLE ${s}.entry_party;
      CREATE TRIGGER ${placeTable}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${s}.${placeTable}
        FOR EACH STATEMENT EXECUTE FUNCTION ${s}.refuse_change();
      ALTER TABLE ${s}.${placeTable} ENABLE ALWAYS TRIGGER ${placeTable}_append_only;

      ALTER TABLE ${s}.entry_index ADD COLUMN worker text COLLATE "C", ADD COLUMN basis text[], ADD COLUMN parties text[];
      CREATE INDEX checkpoint_made_at ON ${s}.checkpoint (made_at);
    `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}
