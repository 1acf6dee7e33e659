import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema as s } from '../schema.js';

/**
 * A run of the erasure that something broke after its tombstone waits for its next attempt, and how far the tombstones are known
 * to be done, so that a run reads those that follow alone.
 */
export class WaitingErasures1764162000001 implements MigrationInterface {
  readonly name = 'WaitingErasures1764162000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE ${s}.erasure_run
        DROP CONSTRAINT erasure_run_state_check, DROP CONSTRAINT erasure_run_check,
        ADD CHECK (state IN ('running', 'interrupted', 'waiting', 'done', 'failed')),
        ADD CHECK ((ended_at IS NULL) = (state IN ('running', 'interrupted', 'waiting'))),
        ADD failures integer NOT NULL DEFAULT 0,
        ADD next_attempt_at timestamptz;
      -- Says nothing of what a backup brings back: each start reads every tombstone.
      CREATE TABLE ${s}.tombstones_done (
        single boolean PRIMARY KEY DEFAULT true CHECK (single),
        last_leaf bigint NOT NULL
      );
    `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}

export const waitingErasureRestrictions: readonly string[] = [
  `REVOKE DELETE, TRUNCATE ON ${s}.tombstones_done FROM :role`,
];
