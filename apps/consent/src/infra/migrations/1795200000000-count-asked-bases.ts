import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How often an agency asked beforehand about a person on a day. A day's counts are of no use on the next. */
export class CountAskedBases1795200000000 implements MigrationInterface {
  readonly name = 'CountAskedBases1795200000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE consent.asked_count (
         agency text NOT NULL,
         day date NOT NULL,
         subject text NOT NULL,
         count integer NOT NULL,
         PRIMARY KEY (agency, day, subject)
       )`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE consent.asked_count');
  }
}
