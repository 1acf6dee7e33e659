import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Alerts that nobody has reviewed, and which supervising authority was told of them: who joins meanwhile is told too (decision 0034). */
export class OpenAlerts1795700000000 implements MigrationInterface {
  readonly name = 'OpenAlerts1795700000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE exchange.open_alert (
        alert text PRIMARY KEY,
        notice text NOT NULL,
        since timestamptz NOT NULL DEFAULT clock_timestamp()
      )`);
    await runner.query(`
      CREATE TABLE exchange.alert_told (
        alert text NOT NULL REFERENCES exchange.open_alert ON DELETE CASCADE,
        agency text NOT NULL,
        PRIMARY KEY (alert, agency)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE exchange.alert_told, exchange.open_alert');
  }
}
