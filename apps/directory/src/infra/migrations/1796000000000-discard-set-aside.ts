import { setAsideDiscards } from '#messaging';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const change = setAsideDiscards('directory');

/** What an operator's discard of a record that was set aside says of itself. */
export class DiscardSetAside1796000000000 implements MigrationInterface {
  readonly name = 'DiscardSetAside1796000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of change.up) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of change.down) await runner.query(statement);
  }
}
