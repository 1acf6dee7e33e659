import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where several decide together, what each has answered until the last one has. It stays at the agency. */
export class DecidersAnswers1790000000011 implements MigrationInterface {
  readonly name = 'DecidersAnswers1790000000011';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE TABLE proposal_answers (
         agency text NOT NULL,
         id uuid NOT NULL,
         -- Place of the decider in the proposal: a pseudonym may be another one under the next key.
         place integer NOT NULL,
         answer jsonb NOT NULL,
         answered_at timestamptz NOT NULL,
         PRIMARY KEY (agency, id, place),
         FOREIGN KEY (agency, id) REFERENCES consent_proposals
       )`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE proposal_answers');
  }
}
