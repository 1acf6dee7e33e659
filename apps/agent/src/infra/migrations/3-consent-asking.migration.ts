import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Asking for consent. Everything that the agency signs for the consent service goes through one outbox, in the order in which
 * it was signed: a proposal before its answer, a record before its withdrawal.
 */
export class ConsentAsking1790000000003 implements MigrationInterface {
  readonly name = 'ConsentAsking1790000000003';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(PROPOSALS);
    await queryRunner.query(STATEMENTS);
    await queryRunner.query(CONSENTS);
    await queryRunner.query(SUBJECTS);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `ALTER TABLE exchanges ADD COLUMN subject text;
       UPDATE exchanges SET subject = subjects[1],
         request = (request - 'clients') || jsonb_build_object('client', request -> 'clients' -> 0);
       ALTER TABLE exchanges DROP COLUMN subjects;
       ALTER TABLE consents ADD COLUMN withdrawal text;
       ALTER TABLE consents DROP COLUMN client, DROP COLUMN deciders, DROP COLUMN officer, DROP COLUMN evidence;
       DROP TABLE decider_exclusions, consent_statements, consent_proposals`,
    );
  }
}

const PROPOSALS = `
  CREATE TABLE consent_proposals (
    agency text NOT NULL,
    id uuid NOT NULL,
    subject text NOT NULL,
    proposal jsonb NOT NULL,
    statement_hash text NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'answered', 'denied', 'cancelled', 'refused')),
    code text,
    -- Who is asked, who decides and whom to call, in plain: they stay at the agency.
    client jsonb NOT NULL,
    deciders jsonb NOT NULL,
    custody text CHECK (custody IN ('sole', 'joint')),
    officer jsonb NOT NULL,
    warnings jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (agency, id)
  );
  CREATE INDEX consent_proposals_by_subject ON consent_proposals (agency, subject);
`;

const STATEMENTS = `
  CREATE TABLE consent_statements (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('consent', 'consent-proposal', 'consent-act', 'subject-link', 'decider-exclusion')),
    -- Of records, proposals and acts.
    consent_id uuid,
    version integer,
    act text,
    token text NOT NULL,
    state text NOT NULL CHECK (state IN ('signed', 'told', 'refused')),
    code text,
    -- What the hub said to it.
    answer jsonb,
    next_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    told_at timestamptz
  );
  CREATE INDEX consent_statements_to_tell ON consent_statements (agency, seq) WHERE state = 'signed';
  CREATE INDEX consent_statements_by_consent ON consent_statements (agency, consent_id, seq);

  INSERT INTO consent_statements (agency, kind, consent_id, version, token, state, next_at, created_at)
    SELECT agency, 'consent', id, version, token, 'signed', created_at, created_at
    FROM consents WHERE state = 'signed' ORDER BY created_at, version;
  INSERT INTO consent_statements (agency, kind, consent_id, version, act, token, state, next_at, created_at)
    SELECT agency, 'consent-act', id, version, 'withdraw', withdrawal, 'signed', created_at, created_at
    FROM consents WHERE state = 'withdrawing' AND withdrawal IS NOT NULL ORDER BY created_at;

  CREATE TABLE decider_exclusions (
    agency text NOT NULL,
    subject text NOT NULL,
    decider text NOT NULL,
    excluded_at timestamptz NOT NULL,
    PRIMARY KEY (agency, subject, decider)
  );
`;

// The state is the hub's word where it has spoken, so that no list of states here can fall behind its table.
const CONSENTS = `
  ALTER TABLE consents DROP CONSTRAINT consents_state_check;
  ALTER TABLE consents DROP COLUMN withdrawal;
  ALTER TABLE consents ADD COLUMN client jsonb, ADD COLUMN deciders jsonb, ADD COLUMN officer jsonb, ADD COLUMN evidence text;
`;

const SUBJECTS = `
  ALTER TABLE exchanges ADD COLUMN subjects text[] NOT NULL DEFAULT '{}';
  UPDATE exchanges SET subjects = ARRAY[subject] WHERE subject IS NOT NULL;
  ALTER TABLE exchanges DROP COLUMN subject;
  UPDATE exchanges SET request = (request - 'client') || jsonb_build_object('clients', jsonb_build_array(request -> 'client'))
    WHERE request ? 'client';
  CREATE INDEX exchanges_by_subject ON exchanges USING gin (subjects);
`;
