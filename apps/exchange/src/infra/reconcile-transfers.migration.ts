import { reconciliationTable } from '#messaging';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How far the outbox and the messages themselves were held against the log (decision 0037). */
export class ReconcileTransfers1795500000000 implements MigrationInterface {
  readonly name = 'ReconcileTransfers1795500000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      ...reconciliationTable('exchange'),
      `CREATE INDEX messages_changed ON exchange.messages (changed_at, manifest_hash)`,
      `CREATE TABLE exchange.transfers_reconciled (
         single boolean PRIMARY KEY DEFAULT true CHECK (single),
         changed_at timestamptz NOT NULL,
         manifest_hash text NOT NULL
       )`,
      `INSERT INTO exchange.transfers_reconciled (changed_at, manifest_hash) VALUES ('epoch', '')`,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of [
      'DROP TABLE exchange.transfers_reconciled, exchange.log_reconciliation',
      'DROP INDEX exchange.messages_changed, exchange.outbox_logged_leaf',
    ])
      await runner.query(statement);
  }
}
