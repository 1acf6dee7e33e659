import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the hub told of consents. */
export class ConsentNotices1790000000005 implements MigrationInterface {
  readonly name = 'ConsentNotices1790000000005';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE consent_notices (
        agency text NOT NULL,
        event_id text NOT NULL,
        consent_id uuid NOT NULL,
        version integer NOT NULL,
        type text NOT NULL,
        state text NOT NULL,
        subject text NOT NULL,
        told_by text,
        at timestamptz NOT NULL,
        PRIMARY KEY (agency, event_id)
      );
      CREATE INDEX consent_notices_newest ON consent_notices (agency, at DESC);
      -- The state is the hub's word where it has spoken.
      ALTER TABLE consents DROP CONSTRAINT IF EXISTS consents_state_check;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE consent_notices`);
  }
}
