import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Revocations that were made here, what became of private keys, and who has seen which alarm. */
export class KeyCare1790000000002 implements MigrationInterface {
  readonly name = 'KeyCare1790000000002';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      -- The private half is gone from the vault and its backup beside it.
      ALTER TABLE made_keys ADD COLUMN destroyed_at timestamptz;

      -- Kept before they are posted, and posted until the log shows them.
      CREATE TABLE key_revocations (
        agency text NOT NULL,
        kid text NOT NULL,
        token text NOT NULL,
        made_at timestamptz NOT NULL,
        PRIMARY KEY (agency, kid)
      );

      -- An alarm of the log as a whole is looked at by each agency for itself.
      CREATE TABLE alarm_acknowledgements (
        alarm_id bigint NOT NULL REFERENCES alarms,
        agency text NOT NULL,
        system text NOT NULL,
        person jsonb NOT NULL,
        note text,
        at timestamptz NOT NULL,
        PRIMARY KEY (alarm_id, agency)
      );
      CREATE FUNCTION acknowledgements_are_kept() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'acknowledgements are append-only'; END $$;
      CREATE TRIGGER acknowledgements_are_kept BEFORE UPDATE OR DELETE ON alarm_acknowledgements
        FOR EACH STATEMENT EXECUTE FUNCTION acknowledgements_are_kept();
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE alarm_acknowledgements, key_revocations;
      DROP FUNCTION acknowledgements_are_kept;
      ALTER TABLE made_keys DROP COLUMN destroyed_at;
    `);
  }
}
