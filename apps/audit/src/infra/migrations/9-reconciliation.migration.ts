import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema as s } from '../schema.js';

/**
 * What the producers report of holding their records against the log (decision 0037): how far each is, and each difference once.
 * An alert about a difference is nobody's access, so it names no agency.
 */
export class Reconciliation1764119000001 implements MigrationInterface {
  readonly name = 'Reconciliation1764119000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE ${s}.reconciliation (
        topic text COLLATE "C" PRIMARY KEY,
        next_leaf bigint NOT NULL,
        compared bigint NOT NULL,
        overdue integer NOT NULL,
        reported_at timestamptz NOT NULL
      );
      CREATE TABLE ${s}.log_difference (
        topic text COLLATE "C" NOT NULL,
        kind text NOT NULL,
        event_id text COLLATE "C" NOT NULL,
        leaf_index bigint,
        type text NOT NULL,
        manifest_hash text COLLATE "C" NOT NULL,
        alert text COLLATE "C" NOT NULL,
        found_at timestamptz NOT NULL,
        PRIMARY KEY (topic, kind, event_id, manifest_hash, type)
      );
      CREATE INDEX log_difference_alert ON ${s}.log_difference (alert);
      CREATE TRIGGER log_difference_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${s}.log_difference
        FOR EACH STATEMENT EXECUTE FUNCTION ${s}.refuse_change();
      ALTER TABLE ${s}.log_difference ENABLE ALWAYS TRIGGER log_difference_append_only;
      ALTER TABLE ${s}.alert ALTER COLUMN agency DROP NOT NULL;
    `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}

/** What the service's role must not be able to do, beside the triggers. */
export const reconciliationRestrictions: readonly string[] = [
  `REVOKE UPDATE, DELETE, TRUNCATE ON ${s}.log_difference FROM :role`,
  `REVOKE DELETE, TRUNCATE ON ${s}.reconciliation FROM :role`,
];
