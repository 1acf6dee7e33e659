import { setAsideRetries } from '#messaging';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an operator's retry of a record that was set aside needs, and says of itself. */
export class RetrySetAside1795850000000 implements MigrationInterface {
  readonly name = 'RetrySetAside1795850000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of setAsideRetries('exchange')) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE exchange.held DROP deferrals');
    await runner.query(
      `ALTER TABLE exchange.quarantine DROP headers, DROP sent_at, DROP event_id, DROP retries, DROP retried_at, DROP taken_at,
         DROP known`,
    );
  }
}
