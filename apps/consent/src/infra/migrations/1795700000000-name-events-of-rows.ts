import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rows are looked up by the events that they name. */
export class NameEventsOfRows1795700000000 implements MigrationInterface {
  readonly name = 'NameEventsOfRows1795700000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of ['consent_version', 'proposal', 'consent_act'])
      await runner.query(`CREATE INDEX ${table}_event ON consent.${table} (event_id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX consent.consent_version_event, consent.proposal_event, consent.consent_act_event');
  }
}
