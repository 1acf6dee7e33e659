import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema as s } from '../schema.js';

/** What an operator's discard of a record in quarantine says of itself: it stays there, and is set aside no more. */
export class DiscardSetAside1764163000001 implements MigrationInterface {
  readonly name = 'DiscardSetAside1764163000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE ${s}.quarantine
        ADD discarded_at timestamptz, ADD discarded_by text, ADD discard_reason text,
        ADD CONSTRAINT quarantine_discard CHECK (num_nulls(discarded_at, discarded_by, discard_reason) IN (0, 3))
    `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}
