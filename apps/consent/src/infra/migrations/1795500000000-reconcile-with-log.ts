import type { MigrationInterface, QueryRunner } from 'typeorm';
import { reconciliationTable } from '#messaging';

/** How far the outbox was held against the log (decision 0037). */
export class ReconcileWithLog1795500000000 implements MigrationInterface {
  readonly name = 'ReconcileWithLog1795500000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of reconciliationTable('consent')) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE consent.log_reconciliation');
    await runner.query('DROP INDEX consent.outbox_logged_leaf');
  }
}
