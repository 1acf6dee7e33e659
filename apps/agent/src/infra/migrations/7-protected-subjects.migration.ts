import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Clients with a turvakielto, by pseudonym: known from the agency's own people or from a message that was opened. */
export class ProtectedSubjects1790000000007 implements MigrationInterface {
  readonly name = 'ProtectedSubjects1790000000007';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE TABLE protected_subjects (
         agency text NOT NULL,
         subject text NOT NULL,
         since timestamptz NOT NULL,
         PRIMARY KEY (agency, subject)
       )`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE protected_subjects');
  }
}
