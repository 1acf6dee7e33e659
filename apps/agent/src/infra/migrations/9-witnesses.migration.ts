import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What this process cosigned as a witness, and how far others' cosignatures cover what this agent relies on. */
export class Witnesses1790000000009 implements MigrationInterface {
  readonly name = 'Witnesses1790000000009';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      -- One head for each log: a witness never goes back, and never from one root of a size to another.
      CREATE TABLE cosigned_heads (
        origin text PRIMARY KEY,
        size bigint NOT NULL CHECK (size >= 0),
        root bytea NOT NULL CHECK (octet_length(root) = 32),
        note text NOT NULL,
        cosigned_at timestamptz NOT NULL
      );
      CREATE FUNCTION witness_never_goes_back() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP <> 'UPDATE' OR NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root <> OLD.root)
            OR NEW.origin <> OLD.origin THEN
            RAISE EXCEPTION 'a witness does not go back' USING ERRCODE = 'insufficient_privilege';
          END IF;
          RETURN NEW;
        END $$;
      CREATE TRIGGER witness_never_goes_back BEFORE UPDATE OR DELETE ON cosigned_heads
        FOR EACH ROW EXECUTE FUNCTION witness_never_goes_back();

      -- The newest checkpoint that the policy counts as witnessed.
      CREATE TABLE witnessed_head (
        id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
        size bigint NOT NULL,
        note text NOT NULL,
        seen_at timestamptz NOT NULL
      );
      -- Sizes of the checkpoints of receipts that no witnessed checkpoint covers yet, since when.
      CREATE TABLE unwitnessed_sizes (
        size bigint PRIMARY KEY,
        since timestamptz NOT NULL
      );
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE unwitnessed_sizes, witnessed_head, cosigned_heads;
      DROP FUNCTION witness_never_goes_back;
    `);
  }
}
