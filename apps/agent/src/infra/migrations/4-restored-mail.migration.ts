import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Of a message that was sent before a machine was lost the log has proof, and nobody its text. */
export class RestoredMail1790000000004 implements MigrationInterface {
  readonly name = 'RestoredMail1790000000004';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'ALTER TABLE outbox ALTER COLUMN manifest DROP NOT NULL, ALTER COLUMN content DROP NOT NULL',
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `DELETE FROM outbox WHERE manifest IS NULL OR content IS NULL;
       ALTER TABLE outbox ALTER COLUMN manifest SET NOT NULL, ALTER COLUMN content SET NOT NULL`,
    );
  }
}
