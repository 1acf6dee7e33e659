import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Links between a client's numbers that this agency told, in plain: with the hub away they are what it knows, and under a new
 * pseudonym key the same is said again. Statements are found by what they are about, so that one that the hub lost is brought
 * again.
 */
export class SubjectLinks1790000000008 implements MigrationInterface {
  readonly name = 'SubjectLinks1790000000008';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE subject_links (
        agency text NOT NULL,
        subject text NOT NULL,
        earlier text NOT NULL,
        -- The client by both numbers: they stay at the agency.
        client jsonb NOT NULL,
        former jsonb NOT NULL,
        statement bigint NOT NULL REFERENCES consent_statements,
        linked_at timestamptz NOT NULL,
        PRIMARY KEY (agency, subject, earlier)
      );
      CREATE INDEX subject_links_by_earlier ON subject_links (agency, earlier);
      CREATE INDEX consent_notices_by_subject ON consent_notices (agency, subject);
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE subject_links; DROP INDEX consent_notices_by_subject');
  }
}
