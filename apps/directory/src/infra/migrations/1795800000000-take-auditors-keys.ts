import type { MigrationInterface, QueryRunner } from 'typeorm';

const uses = ['signing', 'receiving', 'recovery', 'client-auth'];
const auditors = ['auditor-signing', 'auditor-auth'];

/** An agency's auditors have keys of their own (decision 0039). */
export class TakeAuditorsKeys1795800000000 implements MigrationInterface {
  readonly name = 'TakeAuditorsKeys1795800000000';

  up(runner: QueryRunner): Promise<void> {
    return allow(runner, [...uses, ...auditors]);
  }

  async down(runner: QueryRunner): Promise<void> {
    await allow(runner, uses);
  }
}

async function allow(runner: QueryRunner, allowed: readonly string[]): Promise<void> {
  const list = allowed.map((use) => `'${use}'`).join(', ');
  await runner.query('ALTER TABLE directory.agency_key DROP CONSTRAINT agency_key_use_check');
  await runner.query(`ALTER TABLE directory.agency_key ADD CONSTRAINT agency_key_use_check CHECK (use IN (${list}))`);
}
