import type { MigrationInterface, QueryRunner } from 'typeorm';
import { inboxTable, outboxTable } from '#messaging';

/** Onboarded agencies with their keys as signed, contract rows of routing, and which catalogue was in force when. */
export class CreateDirectoryTables1795000000000 implements MigrationInterface {
  readonly name = 'CreateDirectoryTables1795000000000';

  async up(runner: QueryRunner): Promise<void> {
    const statements = [
      `CREATE TABLE directory.agency (
         id text PRIMARY KEY,
         kind text NOT NULL,
         business_id text NOT NULL,
         name_fi text NOT NULL,
         name_sv text NOT NULL,
         status text NOT NULL CHECK (status IN ('onboarding', 'active', 'suspended')),
         first_key text NOT NULL,
         contact jsonb,
         registered_at timestamptz NOT NULL
       )`,
      // leaf_index is null until audit says that the record stands in the log: until then nobody is shown the key.
      `CREATE TABLE directory.agency_key (
         agency text NOT NULL REFERENCES directory.agency,
         kid text NOT NULL,
         use text NOT NULL CHECK (use IN ('signing', 'receiving', 'recovery', 'client-auth')),
         jwk jsonb NOT NULL,
         not_before timestamptz NOT NULL,
         not_after timestamptz NOT NULL,
         record text NOT NULL,
         event_id text NOT NULL UNIQUE,
         published_at timestamptz NOT NULL,
         leaf_index bigint,
         revoked_at timestamptz,
         PRIMARY KEY (agency, kid)
       )`,
      `CREATE TABLE directory.key_revocation (
         agency text NOT NULL,
         kid text NOT NULL,
         statement text NOT NULL,
         revoked_at timestamptz NOT NULL,
         PRIMARY KEY (agency, kid),
         FOREIGN KEY (agency, kid) REFERENCES directory.agency_key
       )`,
      `CREATE TABLE directory.responsibility (
         id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
         municipality text,
         duty text NOT NULL,
         client_group text,
         agency text NOT NULL,
         valid_from date NOT NULL,
         valid_to date
       )`,
      `CREATE TABLE directory.catalogue_version (
         version integer PRIMARY KEY,
         hash text NOT NULL UNIQUE,
         recorded_at timestamptz NOT NULL
       )`,
      `CREATE TABLE directory.snapshot_version (
         single boolean PRIMARY KEY DEFAULT true CHECK (single),
         version bigint NOT NULL
       )`,
      `INSERT INTO directory.snapshot_version (version) VALUES (1)`,
      ...outboxTable('directory'),
      ...inboxTable('directory'),
    ];
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP SCHEMA directory CASCADE');
  }
}
