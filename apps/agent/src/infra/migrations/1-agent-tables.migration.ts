import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Tables of an agent. What belongs to one agency carries its id in the primary key; what everybody may know (the log) does
 * not. Plaintext lies here and nowhere at the hub, so this database is the agency's own, or that of its IT company.
 */
export class AgentTables1790000000001 implements MigrationInterface {
  readonly name = 'AgentTables1790000000001';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(LOG_TABLES);
    await queryRunner.query(MAIL_TABLES);
    await queryRunner.query(ANSWER_TABLES);
    await queryRunner.query(RECORD_TABLES);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `DROP TABLE looks, consents, draft_items, notices, inbox, outbox, exchanges, mailboxes, worker_keys, made_keys, alarms,
         logged_catalogues, logged_agencies, hub_keys, logged_keys, log_heads, log_state`,
    );
  }
}

const LOG_TABLES = `
  -- The log as recomputed from its entries; one row.
  CREATE TABLE log_state (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    size bigint NOT NULL,
    edge bytea[] NOT NULL,
    checkpoint text,
    checked_at timestamptz,
    -- Set once a fork was seen: from then on nothing is released, opened or taken for accepted.
    broken_at timestamptz
  );
  INSERT INTO log_state (size, edge) VALUES (0, '{}');

  -- Signed tree heads beyond what was recomputed: each is compared when the follower gets there.
  CREATE TABLE log_heads (
    size bigint PRIMARY KEY,
    root bytea NOT NULL,
    note text NOT NULL
  );

  CREATE TABLE logged_keys (
    agency text NOT NULL,
    kid text NOT NULL,
    use text NOT NULL,
    jwk jsonb NOT NULL,
    record text NOT NULL,
    not_before timestamptz NOT NULL,
    not_after timestamptz NOT NULL,
    revoked_at timestamptz,
    leaf_index bigint NOT NULL,
    PRIMARY KEY (agency, kid)
  );

  CREATE TABLE hub_keys (
    kid text PRIMARY KEY,
    service text NOT NULL,
    use text NOT NULL,
    jwk jsonb NOT NULL,
    use_from timestamptz NOT NULL,
    use_until timestamptz NOT NULL,
    destroy_after timestamptz,
    leaf_index bigint NOT NULL
  );

  CREATE TABLE logged_agencies (
    agency text PRIMARY KEY,
    status text NOT NULL,
    leaf_index bigint NOT NULL
  );

  CREATE TABLE logged_catalogues (
    version integer PRIMARY KEY,
    hash text NOT NULL,
    leaf_index bigint NOT NULL
  );

  CREATE TABLE alarms (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency text,
    code text NOT NULL,
    detail text NOT NULL,
    leaf_index bigint,
    raised_at timestamptz NOT NULL
  );
  CREATE UNIQUE INDEX alarms_once ON alarms (coalesce(agency, ''), code, detail, coalesce(leaf_index, -1));

  -- Thumbprints of the keys made here, the recovery key included, which does not stay in the vault.
  CREATE TABLE made_keys (
    agency text NOT NULL,
    kid text NOT NULL,
    use text NOT NULL,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (agency, kid)
  );

  CREATE TABLE worker_keys (
    agency text PRIMARY KEY,
    key bytea NOT NULL
  );
`;

const MAIL_TABLES = `
  CREATE TABLE mailboxes (
    agency text PRIMARY KEY,
    -- Everything up to here is stored; the next poll acknowledges it.
    after bigint NOT NULL
  );

  CREATE TABLE exchanges (
    agency text NOT NULL,
    id uuid NOT NULL,
    role text NOT NULL CHECK (role IN ('asker', 'holder')),
    counterpart text NOT NULL,
    opened_by text NOT NULL,
    subject text,
    purpose text NOT NULL,
    categories integer[] NOT NULL,
    case_number text,
    opening text NOT NULL CHECK (opening IN ('on-arrival', 'by-hand')),
    state text NOT NULL,
    code text,
    -- What was asked, with the client's identity: needed to clarify it or to send it on.
    request jsonb,
    forwarded_from uuid,
    forwarded_to uuid,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (agency, id)
  );
  CREATE INDEX exchanges_by_change ON exchanges (agency, changed_at DESC);

  CREATE TABLE outbox (
    agency text NOT NULL,
    message_id uuid NOT NULL,
    exchange_id uuid NOT NULL,
    kind text NOT NULL,
    recipient text NOT NULL,
    in_reply_to text,
    categories integer[] NOT NULL,
    manifest text NOT NULL,
    -- Needed until the hub has them for good.
    capsule text,
    outer_token text,
    manifest_hash text NOT NULL,
    content jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('sealed', 'posted', 'accepted', 'rejected', 'refused')),
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL,
    code text,
    detail text,
    leaf_index bigint,
    -- What became of it after acceptance: expired, withdrawn, undeliverable ...
    outcome text,
    outcome_code text,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    PRIMARY KEY (agency, message_id)
  );
  CREATE INDEX outbox_due ON outbox (agency, next_at) WHERE state IN ('sealed', 'posted');
  CREATE INDEX outbox_by_exchange ON outbox (agency, exchange_id);
  CREATE UNIQUE INDEX outbox_by_hash ON outbox (agency, manifest_hash);
  -- A request has one answer or refusal, however often composing it is repeated after a crash.
  CREATE UNIQUE INDEX outbox_one_answer ON outbox (agency, in_reply_to)
    WHERE kind IN ('answer', 'refusal') AND state <> 'rejected' AND state <> 'refused';

  CREATE TABLE inbox (
    agency text NOT NULL,
    message_id uuid NOT NULL,
    sender text NOT NULL,
    exchange_id uuid NOT NULL,
    kind text NOT NULL,
    in_reply_to text,
    categories integer[] NOT NULL,
    manifest text NOT NULL,
    outer_token text,
    manifest_hash text NOT NULL,
    mailbox_number bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('delivered', 'releasing', 'opened', 'refused')),
    -- Set by an officer, or at once where the agency opens mail on arrival.
    open_by text,
    -- Kept before it is posted, so that repeating it after a crash gets the same leaf.
    release_request text,
    release_requested_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL,
    code text,
    leaf_index bigint,
    subjects jsonb,
    content jsonb,
    mismatch text,
    mismatch_due timestamptz,
    -- Of requests: due, decided and on its way, sent, or closed because the exchange is over.
    reply text CHECK (reply IN ('due', 'decided', 'sent', 'closed')),
    reply_not_before timestamptz,
    received_at timestamptz NOT NULL,
    opened_at timestamptz,
    PRIMARY KEY (agency, sender, message_id)
  );
  CREATE INDEX inbox_due ON inbox (agency, next_at) WHERE state IN ('delivered', 'releasing') AND open_by IS NOT NULL;
  CREATE INDEX inbox_by_exchange ON inbox (agency, exchange_id);
  CREATE INDEX inbox_mismatches ON inbox (agency, mismatch_due) WHERE mismatch_due IS NOT NULL;
  CREATE INDEX inbox_to_send ON inbox (agency, reply_not_before) WHERE reply = 'decided';

  CREATE TABLE notices (
    agency text NOT NULL,
    mailbox_number bigint NOT NULL,
    token text NOT NULL,
    state text NOT NULL CHECK (state IN ('stored', 'taken', 'refused')),
    code text,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (agency, mailbox_number)
  );
  CREATE INDEX notices_to_take ON notices (agency, mailbox_number) WHERE state = 'stored';
`;

const ANSWER_TABLES = `
  CREATE TABLE draft_items (
    agency text NOT NULL,
    sender text NOT NULL,
    message_id uuid NOT NULL,
    category integer NOT NULL,
    -- asking: an adapter is to fill it; waiting: for a person; decided: ready to leave.
    state text NOT NULL CHECK (state IN ('asking', 'waiting', 'decided')),
    outcome text CHECK (outcome IN ('given', 'no-record', 'refused')),
    draft jsonb,
    decision jsonb,
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL,
    code text,
    PRIMARY KEY (agency, sender, message_id, category)
  );
  CREATE INDEX draft_items_to_ask ON draft_items (agency, next_at) WHERE state = 'asking';
`;

const RECORD_TABLES = `
  CREATE TABLE consents (
    agency text NOT NULL,
    id uuid NOT NULL,
    version integer NOT NULL,
    subject text NOT NULL,
    record jsonb NOT NULL,
    token text NOT NULL,
    state text NOT NULL CHECK (state IN ('signed', 'recorded', 'withdrawing', 'withdrawn', 'refused')),
    code text,
    -- Salt of the evidence hash; it never leaves the agency.
    evidence_salt text,
    withdrawal text,
    effective_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (agency, id, version)
  );
  CREATE INDEX consents_by_subject ON consents (agency, subject);

  -- Every look at opened content: who and when (design: later looks are recorded by the agency).
  CREATE TABLE looks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency text NOT NULL,
    exchange_id uuid NOT NULL,
    system text NOT NULL,
    worker text,
    what text NOT NULL,
    at timestamptz NOT NULL
  );
  CREATE INDEX looks_by_exchange ON looks (agency, exchange_id);

  CREATE FUNCTION looks_are_kept() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'looks are append-only'; END $$;
  CREATE TRIGGER looks_are_kept BEFORE UPDATE OR DELETE ON looks
    FOR EACH STATEMENT EXECUTE FUNCTION looks_are_kept();
`;
