import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Clients with a turvakielto: known from the agency's own people or from a message that was opened. By identifier, in the
 * agency's own database, so that a new pseudonym key leaves them protected.
 */
export class ProtectedClients1790000000007 implements MigrationInterface {
  readonly name = 'ProtectedClients1790000000007';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE TABLE protected_clients (
         agency text NOT NULL,
         -- Type and normalised value of the identifier.
         client text NOT NULL,
         since timestamptz NOT NULL,
         PRIMARY KEY (agency, client)
       )`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE protected_clients');
  }
}
