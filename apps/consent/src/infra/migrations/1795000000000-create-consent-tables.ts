import type { MigrationInterface, QueryRunner } from 'typeorm';
import { inboxTable, outboxTable } from '#messaging';

/** Consents by pseudonym: the row that is locked, its versions as signed, its withdrawal, its uses. */
export class CreateConsentTables1795000000000 implements MigrationInterface {
  readonly name = 'CreateConsentTables1795000000000';

  async up(runner: QueryRunner): Promise<void> {
    const statements = [
      `CREATE TABLE consent.consent (
         consent_id uuid PRIMARY KEY,
         version integer NOT NULL,
         state text NOT NULL CHECK (state IN ('active', 'withdrawn')),
         subject text NOT NULL,
         withdrawn_at timestamptz,
         changed_at timestamptz NOT NULL,
         CHECK ((state = 'withdrawn') = (withdrawn_at IS NOT NULL))
       )`,
      `CREATE INDEX ON consent.consent (subject)`,
      `CREATE TABLE consent.consent_version (
         consent_id uuid NOT NULL REFERENCES consent.consent,
         version integer NOT NULL,
         record text NOT NULL,
         record_hash text NOT NULL,
         payload jsonb NOT NULL,
         event_id text NOT NULL,
         recorded_at timestamptz NOT NULL,
         PRIMARY KEY (consent_id, version)
       )`,
      `CREATE TABLE consent.withdrawal (
         consent_id uuid PRIMARY KEY REFERENCES consent.consent,
         statement text NOT NULL,
         agency text NOT NULL,
         event_id text NOT NULL,
         effective_at timestamptz NOT NULL
       )`,
      // A use is one recipient in one exchange, so that a failure after this commit burns none when it is tried again.
      `CREATE TABLE consent.consent_use (
         consent_id uuid NOT NULL,
         version integer NOT NULL,
         exchange_id uuid NOT NULL,
         recipient text NOT NULL,
         used_at timestamptz NOT NULL,
         PRIMARY KEY (consent_id, version, exchange_id, recipient),
         FOREIGN KEY (consent_id, version) REFERENCES consent.consent_version
       )`,
      ...outboxTable('consent'),
      ...inboxTable('consent'),
      `CREATE FUNCTION consent.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$`,
      ...['consent_version', 'withdrawal', 'consent_use'].map(
        (table) =>
          `CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON consent.${table}
             FOR EACH STATEMENT EXECUTE FUNCTION consent.refuse_change()`,
      ),
      // Final is final, whatever a program error tries.
      `CREATE FUNCTION consent.keep_withdrawn() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
           IF OLD.state = 'withdrawn' THEN
             RAISE EXCEPTION 'a withdrawn consent never changes' USING ERRCODE = 'insufficient_privilege';
           END IF;
           RETURN NEW;
         END $$`,
      `CREATE TRIGGER consent_keep_withdrawn BEFORE UPDATE ON consent.consent
         FOR EACH ROW EXECUTE FUNCTION consent.keep_withdrawn()`,
    ];
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP SCHEMA consent CASCADE');
  }
}
