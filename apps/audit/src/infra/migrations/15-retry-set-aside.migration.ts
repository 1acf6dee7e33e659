import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema as s } from '../schema.js';

/** What an operator's retry of a record in quarantine says of itself: it stays there, and is set aside no more. */
export class RetrySetAside1764161000001 implements MigrationInterface {
  readonly name = 'RetrySetAside1764161000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE ${s}.quarantine
        ADD retries integer NOT NULL DEFAULT 0, ADD retried_at timestamptz, ADD taken_at timestamptz
    `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}
