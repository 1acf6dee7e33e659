import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema as s } from '../schema.js';

/** Access to the log in an emergency: each with its alert, from one statement on. */
export class BreakGlass1764117000004 implements MigrationInterface {
  readonly name = 'BreakGlass1764117000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE ${s}.break_glass (
        grant_hash text COLLATE "C" PRIMARY KEY,
        agency text COLLATE "C" NOT NULL,
        worker text COLLATE "C" NOT NULL,
        -- Whose entries; a person's pseudonym goes with the review.
        concerned text COLLATE "C",
        subject text,
        reason text NOT NULL,
        matter text NOT NULL,
        opened_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL,
        most_entries integer NOT NULL CHECK (most_entries > 0),
        shown integer NOT NULL DEFAULT 0 CHECK (shown <= most_entries),
        told text[] COLLATE "C" NOT NULL DEFAULT '{}',
        alert text COLLATE "C" NOT NULL UNIQUE REFERENCES ${s}.alert (id),
        -- Nothing is shown before the opening stands in the log.
        logged boolean NOT NULL DEFAULT false,
        reviewed_by text COLLATE "C",
        reviewed_at timestamptz,
        finding text CHECK (finding IN ('justified', 'unjustified')),
        CHECK (reviewed_by <> agency),
        CHECK (num_nonnulls(reviewed_by, reviewed_at, finding) IN (0, 3)),
        CHECK (reviewed_at IS NOT NULL OR num_nonnulls(concerned, subject) = 1)
      );
      CREATE INDEX break_glass_unreviewed ON ${s}.break_glass (agency) WHERE reviewed_at IS NULL;
    `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}

export const breakGlassRestrictions: readonly string[] = [`REVOKE DELETE, TRUNCATE ON ${s}.break_glass FROM :role`];
