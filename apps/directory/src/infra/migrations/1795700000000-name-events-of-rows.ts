import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Each row names the event by which it came to be, an agency the one by which it has its status; none for what came before. */
export class NameEventsOfRows1795700000000 implements MigrationInterface {
  readonly name = 'NameEventsOfRows1795700000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      'ALTER TABLE directory.agency ADD registered_event text UNIQUE, ADD status_event text UNIQUE',
      ...['key_revocation', 'responsibility', 'catalogue_version'].map(
        (table) => `ALTER TABLE directory.${table} ADD event_id text UNIQUE`,
      ),
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of [
      'ALTER TABLE directory.agency DROP registered_event, DROP status_event',
      ...['key_revocation', 'responsibility', 'catalogue_version'].map(
        (table) => `ALTER TABLE directory.${table} DROP event_id`,
      ),
    ])
      await runner.query(statement);
  }
}
