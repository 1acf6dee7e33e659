import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema as s } from '../schema.js';

const tables = ['cosignature', 'witnessed_checkpoint'] as const;

/** What witnesses said about checkpoints: their signature lines, and the first note with enough of them for each size. */
export class Cosignatures1764115200003 implements MigrationInterface {
  readonly name = 'Cosignatures1764115200003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE ${s}.cosignature (
        tree_size bigint NOT NULL,
        -- Name and id of the witness's key, as in its verifier key.
        witness text COLLATE "C" NOT NULL,
        line text NOT NULL,
        cosigned_at timestamptz NOT NULL,
        PRIMARY KEY (tree_size, witness)
      );
      CREATE INDEX cosignature_witness ON ${s}.cosignature (witness, tree_size);
      CREATE TABLE ${s}.witnessed_checkpoint (
        tree_size bigint PRIMARY KEY,
        root bytea NOT NULL CHECK (octet_length(root) = 32),
        note text NOT NULL,
        witnessed_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
    `);
    for (const table of tables) {
      await runner.query(`
        CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${s}.${table}
          FOR EACH STATEMENT EXECUTE FUNCTION ${s}.refuse_change();
        ALTER TABLE ${s}.${table} ENABLE ALWAYS TRIGGER ${table}_append_only;
      `);
    }
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}

export const cosignatureRestrictions: readonly string[] = [
  `REVOKE UPDATE, DELETE, TRUNCATE ON ${tables.map((table) => `${s}.${table}`).join(', ')} FROM :role`,
];
