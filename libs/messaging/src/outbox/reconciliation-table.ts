import { schemaName } from '../sql/schema-name.js';

/**
 * DDL for a migration: `log_reconciliation` says how far a producer's records were held against the log. The leaves of
 * confirmed events come almost in order, so block ranges find those of a page.
 */
export function reconciliationTable(schema: string): string[] {
  const s = schemaName(schema);
  return [
    `CREATE TABLE ${s}.log_reconciliation (
       pass text PRIMARY KEY CHECK (pass IN ('new', 'again')),
       next_leaf bigint NOT NULL DEFAULT 0 CHECK (next_leaf >= 0)
     )`,
    `INSERT INTO ${s}.log_reconciliation (pass) VALUES ('new'), ('again')`,
    `CREATE INDEX outbox_logged_leaf ON ${s}.outbox_logged
       USING brin (leaf_index) WITH (pages_per_range = 16, autosummarize = on)`,
  ];
}
