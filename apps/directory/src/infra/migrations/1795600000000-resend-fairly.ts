import { unloggedTable } from '#messaging';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Events that wait for their leaf, each with its own next attempt (decision 0037). */
export class ResendFairly1795600000000 implements MigrationInterface {
  readonly name = 'ResendFairly1795600000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of unloggedTable('directory')) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE directory.outbox_unlogged');
  }
}
