import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Questions that ended with their consent's version are looked for again and again, and few among many. */
export class SupersededExchanges1790000000010 implements MigrationInterface {
  readonly name = 'SupersededExchanges1790000000010';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE INDEX exchanges_superseded ON exchanges (agency, changed_at)
         WHERE code = 'CONSENT_SUPERSEDED' AND forwarded_to IS NULL`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX exchanges_superseded');
  }
}
