import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Calls to an agency's own system about alerts of the hub, each with its own next attempt, apart from the mailbox. */
export class AlertCalls1790000000013 implements MigrationInterface {
  readonly name = 'AlertCalls1790000000013';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE alert_calls (
        agency text NOT NULL,
        alert text NOT NULL,
        notice jsonb NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        answered_at timestamptz,
        PRIMARY KEY (agency, alert)
      )`);
    await queryRunner.query(
      'CREATE INDEX alert_calls_due ON alert_calls (agency, next_attempt_at) WHERE answered_at IS NULL',
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE alert_calls');
  }
}
