import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who is excluded from whose matters, in plain: under a new pseudonym key the same is said again. It stays at the agency. */
export class ReSigning1790000000006 implements MigrationInterface {
  readonly name = 'ReSigning1790000000006';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE decider_exclusions ADD COLUMN client jsonb, ADD COLUMN person jsonb');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE decider_exclusions DROP COLUMN client, DROP COLUMN person');
  }
}
