import { enqueueText } from '#messaging';

const exchangeColumns = `id, state, opened_by, asker, holder, opening_message, categories, deadline, last_number, opened_at,
  closed_at`;

export const messageColumns = `messages.manifest_hash, messages.exchange_id, messages.message_id, messages.sender,
  messages.recipient, messages.recipient_key, messages.kind, messages.state, messages.code, messages.manifest,
  messages.expires_at, messages.accepted_event, message_leaves.leaf_index, messages.releasing_until, messages.ends_with`;

/** Named statements of the ledger: each serves a whole batch by `unnest`. */
export const ledgerStatements = {
  /** Whoever made the row has it locked. */
  createExchanges: {
    name: 'exchange.create-exchanges',
    text: `INSERT INTO exchange.exchanges (id) SELECT DISTINCT id FROM unnest($1::uuid[]) AS given (id) ORDER BY id
           ON CONFLICT DO NOTHING RETURNING id`,
  },
  // The order of ids is the order of locks in every transaction of this service: any other would deadlock.
  lockExchanges: {
    name: 'exchange.lock-exchanges',
    text: `SELECT ${exchangeColumns} FROM exchange.exchanges WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`,
  },
  messages: {
    name: 'exchange.messages',
    text: `SELECT ${messageColumns} FROM exchange.messages LEFT JOIN exchange.message_leaves USING (manifest_hash)
           WHERE messages.manifest_hash = ANY($1::text[])`,
  },
  /** The messages of these hashes, and those that own one of the ids. */
  messagesAndOwners: {
    name: 'exchange.messages-and-owners',
    text: `SELECT ${messageColumns}, false AS owns
           FROM exchange.messages LEFT JOIN exchange.message_leaves USING (manifest_hash)
           WHERE messages.manifest_hash = ANY($1::text[])
           UNION ALL
           SELECT ${messageColumns}, true AS owns
           FROM unnest($2::text[], $3::uuid[]) AS given (sender, message_id)
           JOIN exchange.messages ON owns_id AND (messages.sender, messages.message_id) = (given.sender, given.message_id)
           LEFT JOIN exchange.message_leaves USING (manifest_hash)`,
  },
  createMailboxes: {
    name: 'exchange.create-mailboxes',
    text: `INSERT INTO exchange.mailboxes (agency) SELECT agency FROM unnest($1::text[]) AS given (agency) ORDER BY agency
           ON CONFLICT DO NOTHING`,
  },
  /**
   * Mailboxes are locked after exchanges, in the order of their agencies and until the commit, so that a reader never passes
   * over a smaller number that becomes visible later.
   */
  putItems: {
    name: 'exchange.put-items',
    text: `WITH locked AS MATERIALIZED (
             SELECT agency, head FROM exchange.mailboxes WHERE agency = ANY($1::text[]) ORDER BY agency FOR UPDATE
           ), put AS (
             INSERT INTO exchange.mailbox_items (agency, number, manifest_hash, notice)
             SELECT agency, head + row_number() OVER (PARTITION BY agency ORDER BY at), manifest_hash, notice
             FROM unnest($1::text[], $2::text[], $3::text[])
               WITH ORDINALITY AS given (agency, manifest_hash, notice, at)
             JOIN locked USING (agency)
             RETURNING agency, number
           )
           UPDATE exchange.mailboxes SET head = reached.head
           FROM (SELECT agency, max(number) AS head FROM put GROUP BY agency) AS reached
           WHERE mailboxes.agency = reached.agency
           RETURNING mailboxes.agency`,
  },
} as const;

/** Writes of one flush, each a data-modifying part of one statement; `$1` is the first of its own values. */
export const ledgerWrites = {
  insertMessages: `INSERT INTO exchange.messages (manifest_hash, exchange_id, message_id, sender, recipient, recipient_key,
      kind, state, code, owns_id, in_reply_to, consents, manifest, expires_at, received_at, changed_at, accepted_event)
    SELECT manifest_hash, exchange_id, message_id, sender, recipient, recipient_key, kind, state, code, owns_id,
           in_reply_to, consents::uuid[], manifest, expires_at, $16::timestamptz, $16::timestamptz, accepted_event
    FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::text[], $10::boolean[], $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::text[])
      AS given (manifest_hash, exchange_id, message_id, sender, recipient, recipient_key, kind, state, code, owns_id,
                in_reply_to, consents, manifest, expires_at, accepted_event)`,
  insertBodies: `INSERT INTO exchange.message_bodies (manifest_hash, capsule, outer_token, expires_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])`,
  deleteBodies: `DELETE FROM exchange.message_bodies WHERE manifest_hash = ANY($1::text[])`,
  updateMessages: `UPDATE exchange.messages AS target
    SET state = given.state, code = given.code, releasing_until = given.releasing_until, ends_with = given.ends_with,
        changed_at = CASE WHEN target.state = given.state THEN target.changed_at ELSE $6::timestamptz END
    FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[])
      AS given (manifest_hash, state, code, releasing_until, ends_with)
    WHERE target.manifest_hash = given.manifest_hash`,
  updateExchanges: `UPDATE exchange.exchanges AS target
    SET state = given.state, opened_by = given.opened_by, asker = given.asker, holder = given.holder,
        opening_message = given.opening_message, categories = given.categories::smallint[],
        deadline = given.deadline, last_number = given.last_number, opened_at = given.opened_at,
        closed_at = given.closed_at
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                $8::timestamptz[], $9::int[], $10::timestamptz[], $11::timestamptz[])
      AS given (id, state, opened_by, asker, holder, opening_message, categories, deadline, last_number, opened_at,
                closed_at)
    WHERE target.id = given.id`,
  awaitReceipts: `INSERT INTO exchange.awaited_receipts (event_id, agency, outcome)
    SELECT event_id, agency, outcome::jsonb FROM unnest($1::text[], $2::text[], $3::text[])
      AS given (event_id, agency, outcome)`,
  enqueueEvents: enqueueText('exchange', 1),
} as const;

export type LedgerWrite = keyof typeof ledgerWrites;

const writeNames = Object.keys(ledgerWrites);

/**
 * Several writes as one statement, which saves a round trip for each. They see the same snapshot, so no two of them may touch
 * the same row. The name says which writes they are: there are few combinations, each is prepared once.
 */
export function joinWrites(writes: readonly { readonly write: LedgerWrite; readonly values: readonly unknown[] }[]): {
  name: string;
  text: string;
  values: unknown[];
} {
  let before = 0;
  const parts = writes.map(({ write, values }) => {
    const shifted = ledgerWrites[write].replaceAll(/\$(\d+)/g, (_, place: string) => `$${Number(place) + before}`);
    before += values.length;
    return `${write} AS (${shifted})`;
  });
  return {
    // By places in the table: PostgreSQL cuts names at 63 characters.
    name: `exchange.write-${writes.map(({ write }) => writeNames.indexOf(write)).join('')}`,
    text: `WITH ${parts.join(', ')} SELECT`,
    values: writes.flatMap(({ values }) => [...values]),
  };
}
