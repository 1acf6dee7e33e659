import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What oidc-provider keeps between requests: for client credentials only the assertions and proofs already used. */
export class CreateProviderRecords1795000000000 implements MigrationInterface {
  readonly name = 'CreateProviderRecords1795000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE identity.provider_record (
        model text NOT NULL,
        id text NOT NULL,
        payload jsonb NOT NULL,
        grant_id text,
        uid text,
        user_code text,
        consumed_at timestamptz,
        expires_at timestamptz,
        PRIMARY KEY (model, id)
      )`);
    await runner.query(`CREATE INDEX ON identity.provider_record (expires_at)`);
    await runner.query(`CREATE INDEX ON identity.provider_record (grant_id) WHERE grant_id IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE identity.provider_record`);
  }
}
