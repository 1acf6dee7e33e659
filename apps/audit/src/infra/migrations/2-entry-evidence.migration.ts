import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema as s } from '../schema.js';

/**
 * The signed statements behind entries, so that a transfer can be shown with its evidence and not with hashes alone. Sealed
 * under the secret of the entry: who shreds that has shredded these.
 */
export class EntryEvidence1764115200001 implements MigrationInterface {
  readonly name = 'EntryEvidence1764115200001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE ${s}.entry_evidence (
        leaf_index bigint PRIMARY KEY,
        sealed bytea NOT NULL
      );
      ALTER TABLE ${s}.entry_evidence ALTER COLUMN sealed SET STORAGE EXTERNAL;
      CREATE TRIGGER entry_evidence_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${s}.entry_evidence
        FOR EACH STATEMENT EXECUTE FUNCTION ${s}.refuse_change();
      ALTER TABLE ${s}.entry_evidence ENABLE ALWAYS TRIGGER entry_evidence_append_only;
      CREATE INDEX entry_index_exchange ON ${s}.entry_index (exchange_id, leaf_index) WHERE exchange_id IS NOT NULL;
    `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}

export const evidenceRestrictions: readonly string[] = [
  `REVOKE UPDATE, DELETE, TRUNCATE ON ${s}.entry_evidence FROM :role`,
];
