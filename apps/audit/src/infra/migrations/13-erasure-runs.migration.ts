import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema as s } from '../schema.js';

/** Runs of the erasure, so that who asked for one sees what becomes of it, also after whatever stopped the service. */
export class ErasureRuns1764159000001 implements MigrationInterface {
  readonly name = 'ErasureRuns1764159000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE ${s}.erasure_run (
        id text COLLATE "C" PRIMARY KEY,
        asked_by text[] NOT NULL,
        state text NOT NULL CHECK (state IN ('running', 'interrupted', 'done', 'failed')),
        started_at timestamptz NOT NULL,
        seen_at timestamptz NOT NULL,
        ended_at timestamptz,
        interruptions integer NOT NULL DEFAULT 0,
        -- Of the erasures that it does: known before their tombstone stands.
        approvals text[] NOT NULL DEFAULT '{}',
        entries integer NOT NULL DEFAULT 0,
        erased integer NOT NULL DEFAULT 0,
        persons integer NOT NULL DEFAULT 0,
        secrets bigint NOT NULL DEFAULT 0,
        rewrapped bigint NOT NULL DEFAULT 0,
        tombstones jsonb NOT NULL DEFAULT '[]',
        destroyed_kek text,
        transport_forgets_at timestamptz,
        left_over jsonb NOT NULL DEFAULT '[]',
        code text,
        CHECK ((ended_at IS NULL) = (state IN ('running', 'interrupted')))
      );
      -- There is one at a time.
      CREATE UNIQUE INDEX erasure_run_open ON ${s}.erasure_run ((ended_at IS NULL)) WHERE ended_at IS NULL;
    `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}

export const erasureRunRestrictions: readonly string[] = [`REVOKE DELETE, TRUNCATE ON ${s}.erasure_run FROM :role`];
