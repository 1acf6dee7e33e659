import { setAsideRetries } from '#messaging';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const change = setAsideRetries('exchange');

/** What an operator's retry of a record that was set aside needs, and says of itself. */
export class RetrySetAside1795850000000 implements MigrationInterface {
  readonly name = 'RetrySetAside1795850000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of change.up) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of change.down) await runner.query(statement);
  }
}
