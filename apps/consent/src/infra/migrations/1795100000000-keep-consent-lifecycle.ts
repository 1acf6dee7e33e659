import type { MigrationInterface, QueryRunner } from 'typeorm';
import { finalStates, storedStates } from '../../domain/consent-state.js';

const list = (states: readonly string[]): string => states.map((state) => `'${state}'`).join(', ');

/** Payload of a compact JWS as jsonb. */
const payloadOf = (token: string): string => {
  const segment = `translate(split_part(${token}, '.', 2), '-_', '+/')`;
  return `convert_from(decode(rpad(${segment}, (length(${segment}) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb`;
};

/**
 * All states of a consent; whatever was done to one, by whom and when; proposals; links between pseudonyms of one person;
 * who may not decide. Records of the form before decision 0016 cannot be read any more and are given up with what hangs on
 * them, so no message finds a basis in them.
 */
export class KeepConsentLifecycle1795100000000 implements MigrationInterface {
  readonly name = 'KeepConsentLifecycle1795100000000';

  async up(runner: QueryRunner): Promise<void> {
    const statements = [
      ...['consent_version', 'withdrawal', 'consent_use'].map(
        (table) => `ALTER TABLE consent.${table} DISABLE TRIGGER ${table}_append_only`,
      ),
      `CREATE TEMPORARY TABLE unreadable ON COMMIT DROP AS
         SELECT DISTINCT consent_id FROM consent.consent_version WHERE NOT payload ? 'grants'`,
      ...['consent_use', 'withdrawal', 'consent_version', 'consent'].map(
        (table) => `DELETE FROM consent.${table} WHERE consent_id IN (SELECT consent_id FROM unreadable)`,
      ),
      ...['consent_version', 'consent_use'].map(
        (table) => `ALTER TABLE consent.${table} ENABLE TRIGGER ${table}_append_only`,
      ),

      `ALTER TABLE consent.consent DROP CONSTRAINT consent_state_check`,
      `ALTER TABLE consent.consent DROP CONSTRAINT consent_check`,
      `DROP TRIGGER consent_keep_withdrawn ON consent.consent`,
      `DROP FUNCTION consent.keep_withdrawn()`,
      `ALTER TABLE consent.consent RENAME COLUMN withdrawn_at TO ended_at`,
      // ends_at: when it ends by itself, or as long as it is only proposed, lapses.
      `ALTER TABLE consent.consent
         ADD ends_at timestamptz,
         ADD reminded_at timestamptz,
         ADD mandate_verified_at timestamptz`,
      `UPDATE consent.consent SET ends_at = (v.payload->>'validUntil')::timestamptz
         FROM consent.consent_version v WHERE (v.consent_id, v.version) = (consent.consent_id, consent.version)`,
      `ALTER TABLE consent.consent
         ALTER ends_at SET NOT NULL,
         ADD CONSTRAINT consent_state CHECK (state IN (${list(storedStates)})),
         ADD CONSTRAINT consent_ended CHECK ((state IN (${list(finalStates)})) = (ended_at IS NOT NULL))`,
      `CREATE INDEX consent_ending ON consent.consent (ends_at) WHERE ended_at IS NULL`,
      // Final is final, whatever a program error tries.
      `CREATE FUNCTION consent.keep_final() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
           IF OLD.ended_at IS NOT NULL THEN
             RAISE EXCEPTION 'a consent that has ended never changes' USING ERRCODE = 'insufficient_privilege';
           END IF;
           RETURN NEW;
         END $$`,
      `CREATE TRIGGER consent_keep_final BEFORE UPDATE ON consent.consent
         FOR EACH ROW EXECUTE FUNCTION consent.keep_final()`,

      `CREATE TABLE consent.proposal (
         consent_id uuid PRIMARY KEY REFERENCES consent.consent,
         proposal text NOT NULL,
         proposal_hash text NOT NULL,
         payload jsonb NOT NULL,
         event_id text NOT NULL,
         recorded_at timestamptz NOT NULL
       )`,

      // An act without a statement is the hub's own: an end that came by itself.
      `CREATE TABLE consent.consent_act (
         consent_id uuid NOT NULL REFERENCES consent.consent,
         number bigint GENERATED ALWAYS AS IDENTITY,
         version integer NOT NULL,
         act text NOT NULL,
         state text NOT NULL CHECK (state IN (${list(storedStates)})),
         agency text,
         jti text,
         statement text,
         payload jsonb,
         event_id text NOT NULL,
         effective_at timestamptz NOT NULL,
         PRIMARY KEY (consent_id, number),
         UNIQUE (agency, jti),
         CHECK (num_nulls(agency, jti, statement, payload) IN (0, 4))
       )`,
      `INSERT INTO consent.consent_act (consent_id, version, act, state, agency, jti, statement, payload, event_id, effective_at)
         SELECT consent_id, c.version, 'withdraw', 'withdrawn', w.agency, said.payload->>'jti', w.statement, said.payload,
                w.event_id, w.effective_at
         FROM consent.withdrawal w JOIN consent.consent c USING (consent_id),
              LATERAL (SELECT ${payloadOf('w.statement')} AS payload) AS said`,
      `DROP TABLE consent.withdrawal`,

      `CREATE TABLE consent.subject_link (
         agency text NOT NULL,
         jti text NOT NULL,
         subject text NOT NULL,
         earlier text NOT NULL,
         statement text NOT NULL,
         event_id text NOT NULL,
         recorded_at timestamptz NOT NULL,
         PRIMARY KEY (agency, jti),
         UNIQUE (subject, earlier)
       )`,
      `CREATE INDEX ON consent.subject_link (earlier)`,

      `CREATE TABLE consent.decider_exclusion (
         agency text NOT NULL,
         jti text NOT NULL,
         subject text NOT NULL,
         decider text NOT NULL,
         statement text NOT NULL,
         event_id text NOT NULL,
         recorded_at timestamptz NOT NULL,
         PRIMARY KEY (agency, jti),
         UNIQUE (subject, decider)
       )`,

      ...['proposal', 'consent_act', 'subject_link', 'decider_exclusion'].map(
        (table) =>
          `CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON consent.${table}
             FOR EACH STATEMENT EXECUTE FUNCTION consent.refuse_change()`,
      ),
    ];
    for (const statement of statements) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('states and statements that the earlier tables cannot hold would be lost');
  }
}
