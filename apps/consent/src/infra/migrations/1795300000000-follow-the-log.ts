import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How far the log was compared with what is stored, and what it knows that the tables have lost. */
export class FollowTheLog1795300000000 implements MigrationInterface {
  readonly name = 'FollowTheLog1795300000000';

  async up(runner: QueryRunner): Promise<void> {
    const statements = [
      `CREATE TABLE consent.log_position (
         single boolean PRIMARY KEY DEFAULT true CHECK (single),
         next bigint NOT NULL
       )`,
      `INSERT INTO consent.log_position (next) VALUES (0)`,
      // Newest version of which the log tells, where its record was lost with a restored backup.
      `ALTER TABLE consent.consent ADD logged_version integer NOT NULL DEFAULT 0`,
    ];
    for (const statement of statements) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('what the log told would be lost');
  }
}
