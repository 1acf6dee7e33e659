import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema as s } from '../schema.js';

/** Which events lie in quarantine, so that who sent them can be told, and how many each producer has set aside for that. */
export class RefusedEvents1764145000001 implements MigrationInterface {
  readonly name = 'RefusedEvents1764145000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE ${s}.quarantine ADD event_id text COLLATE "C";
      CREATE INDEX quarantine_event ON ${s}.quarantine (event_id) WHERE event_id IS NOT NULL;
      CREATE INDEX quarantine_value ON ${s}.quarantine (topic, sha256(value));
      ALTER TABLE ${s}.reconciliation ADD set_aside integer NOT NULL DEFAULT 0;
    `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}
