const exchangeColumns = `id, state, opened_by, asker, holder, opening_message, categories, deadline, last_number, opened_at,
  closed_at`;

export const messageColumns = `messages.manifest_hash, messages.exchange_id, messages.message_id, messages.sender,
  messages.recipient, messages.recipient_key, messages.kind, messages.state, messages.code, messages.manifest,
  messages.expires_at, messages.accepted_event, message_leaves.leaf_index, messages.releasing_until, messages.ends_with`;

/** Named statements of the ledger: each serves a whole batch by `unnest`. */
export const ledgerStatements = {
  createExchanges: {
    name: 'exchange.create-exchanges',
    text: `INSERT INTO exchange.exchanges (id) SELECT DISTINCT id FROM unnest($1::uuid[]) AS given (id) ORDER BY id
           ON CONFLICT DO NOTHING`,
  },
  // The order of ids is the order of locks in every transaction of this service: any other would deadlock.
  lockExchanges: {
    name: 'exchange.lock-exchanges',
    text: `SELECT ${exchangeColumns} FROM exchange.exchanges WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`,
  },
  updateExchanges: {
    name: 'exchange.update-exchanges',
    text: `UPDATE exchange.exchanges AS target
           SET state = given.state, opened_by = given.opened_by, asker = given.asker, holder = given.holder,
               opening_message = given.opening_message, categories = given.categories::smallint[],
               deadline = given.deadline, last_number = given.last_number, opened_at = given.opened_at,
               closed_at = given.closed_at
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                       $8::timestamptz[], $9::int[], $10::timestamptz[], $11::timestamptz[])
             AS given (id, state, opened_by, asker, holder, opening_message, categories, deadline, last_number, opened_at,
                       closed_at)
           WHERE target.id = given.id`,
  },
  messages: {
    name: 'exchange.messages',
    text: `SELECT ${messageColumns} FROM exchange.messages LEFT JOIN exchange.message_leaves USING (manifest_hash)
           WHERE messages.manifest_hash = ANY($1::text[])`,
  },
  insertMessages: {
    name: 'exchange.insert-messages',
    text: `INSERT INTO exchange.messages (manifest_hash, exchange_id, message_id, sender, recipient, recipient_key, kind, state,
             code, owns_id, in_reply_to, consents, manifest, expires_at, received_at, changed_at, accepted_event)
           SELECT manifest_hash, exchange_id, message_id, sender, recipient, recipient_key, kind, state, code, owns_id,
                  in_reply_to, consents::uuid[], manifest, expires_at, $17, $17, accepted_event
           FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                       $9::text[], $10::boolean[], $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::text[],
                       $16::int[])
             AS given (manifest_hash, exchange_id, message_id, sender, recipient, recipient_key, kind, state, code, owns_id,
                       in_reply_to, consents, manifest, expires_at, accepted_event, at)
           ORDER BY at`,
  },
  insertBodies: {
    name: 'exchange.insert-bodies',
    text: `INSERT INTO exchange.message_bodies (manifest_hash, capsule, outer_token, expires_at)
           SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])`,
  },
  deleteBodies: {
    name: 'exchange.delete-bodies',
    text: `DELETE FROM exchange.message_bodies WHERE manifest_hash = ANY($1::text[])`,
  },
  updateMessages: {
    name: 'exchange.update-messages',
    text: `UPDATE exchange.messages AS target
           SET state = given.state, code = given.code, releasing_until = given.releasing_until,
               ends_with = given.ends_with,
               changed_at = CASE WHEN target.state = given.state THEN target.changed_at ELSE $6 END
           FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[])
             AS given (manifest_hash, state, code, releasing_until, ends_with)
           WHERE target.manifest_hash = given.manifest_hash`,
  },
  awaitReceipts: {
    name: 'exchange.await-receipts',
    text: `INSERT INTO exchange.awaited_receipts (event_id, agency, outcome)
           SELECT event_id, agency, outcome::jsonb FROM unnest($1::text[], $2::text[], $3::text[])
             AS given (event_id, agency, outcome)`,
  },
  createMailboxes: {
    name: 'exchange.create-mailboxes',
    text: `INSERT INTO exchange.mailboxes (agency) SELECT agency FROM unnest($1::text[]) AS given (agency) ORDER BY agency
           ON CONFLICT DO NOTHING`,
  },
  // Mailboxes are locked after exchanges and until the commit, so that a reader never passes over a smaller number that
  // becomes visible later.
  lockMailboxes: {
    name: 'exchange.lock-mailboxes',
    text: `SELECT agency, head FROM exchange.mailboxes WHERE agency = ANY($1::text[]) ORDER BY agency FOR UPDATE`,
  },
  putItems: {
    name: 'exchange.put-items',
    text: `WITH put AS (
             INSERT INTO exchange.mailbox_items (agency, number, manifest_hash, notice)
             SELECT agency, number, manifest_hash, notice
             FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) AS given (agency, number, manifest_hash, notice)
             RETURNING agency, number
           )
           UPDATE exchange.mailboxes SET head = reached.head
           FROM (SELECT agency, max(number) AS head FROM put GROUP BY agency) AS reached
           WHERE mailboxes.agency = reached.agency`,
  },
} as const;
