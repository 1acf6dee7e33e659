import type { MigrationInterface, QueryRunner } from 'typeorm';

/** From which entry on a key of the log signs no checkpoint. */
export class RetiredLogKeys1790000000012 implements MigrationInterface {
  readonly name = 'RetiredLogKeys1790000000012';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE hub_keys ADD COLUMN retired_leaf bigint, ADD COLUMN retired_at timestamptz');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE hub_keys DROP COLUMN retired_leaf, DROP COLUMN retired_at');
  }
}
