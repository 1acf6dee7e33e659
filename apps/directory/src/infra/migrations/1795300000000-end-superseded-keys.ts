import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A key record may say which earlier key of its use it takes the place of, and from when. */
export class EndSupersededKeys1795300000000 implements MigrationInterface {
  readonly name = 'EndSupersededKeys1795300000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE directory.agency_key ADD COLUMN supersedes text, ADD COLUMN superseded_from timestamptz,
         ADD CONSTRAINT superseded_at_a_time CHECK ((supersedes IS NULL) = (superseded_from IS NULL))`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE directory.agency_key DROP COLUMN supersedes, DROP COLUMN superseded_from');
  }
}
