import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema as s } from '../schema.js';

/** Alerts on unusual access: one row for each rule, agency, worker and window. By pseudonyms only. */
export class Alerts1764117000003 implements MigrationInterface {
  readonly name = 'Alerts1764117000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE ${s}.alert (
        id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[0-9a-f]{32}$'),
        rule text NOT NULL,
        owner text NOT NULL CHECK (owner IN ('agency', 'supervising')),
        agency text COLLATE "C" NOT NULL,
        worker text COLLATE "C",
        window_from timestamptz NOT NULL,
        window_to timestamptz NOT NULL,
        measured integer NOT NULL,
        threshold integer NOT NULL,
        raised_at timestamptz NOT NULL,
        logged boolean NOT NULL DEFAULT false,
        state text NOT NULL DEFAULT 'raised' CHECK (state IN ('raised', 'acknowledged', 'closed')),
        acted_by text COLLATE "C",
        acted_at timestamptz,
        reason text,
        UNIQUE NULLS NOT DISTINCT (rule, agency, worker, window_from)
      );
      CREATE INDEX alert_open ON ${s}.alert (raised_at) WHERE state <> 'closed';
      CREATE INDEX entry_index_at ON ${s}.entry_index (at);
    `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}

export const alertRestrictions: readonly string[] = [`REVOKE DELETE, TRUNCATE ON ${s}.alert FROM :role`];
