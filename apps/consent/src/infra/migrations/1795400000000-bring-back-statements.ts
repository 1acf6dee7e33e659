import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A proposal is named anew under a later pseudonym key, as consents are. And what only the log still knows of links and
 * exclusions whose statements were lost with a restored backup.
 */
export class BringBackStatements1795400000000 implements MigrationInterface {
  readonly name = 'BringBackStatements1795400000000';

  async up(runner: QueryRunner): Promise<void> {
    const statements = [
      `ALTER TABLE consent.proposal
         ADD renewal integer NOT NULL DEFAULT 0,
         DROP CONSTRAINT proposal_pkey,
         ADD PRIMARY KEY (consent_id, renewal)`,
      `CREATE TABLE consent.lost_statement (
         event_id text PRIMARY KEY,
         kind text NOT NULL CHECK (kind IN ('subject-link', 'decider-exclusion')),
         agency text NOT NULL,
         subject text NOT NULL,
         -- The earlier pseudonym of a link. Who is excluded does not stand in the log.
         other text,
         statement_hash text,
         said_at timestamptz NOT NULL,
         brought_at timestamptz,
         CHECK ((kind = 'subject-link') = (other IS NOT NULL))
       )`,
      `CREATE INDEX subject_link_event ON consent.subject_link (event_id)`,
      `CREATE INDEX decider_exclusion_event ON consent.decider_exclusion (event_id)`,
      `CREATE INDEX lost_statement_subject ON consent.lost_statement (subject) WHERE brought_at IS NULL`,
      `CREATE INDEX lost_statement_other ON consent.lost_statement (other) WHERE brought_at IS NULL`,
    ];
    for (const statement of statements) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('what the log told would be lost');
  }
}
