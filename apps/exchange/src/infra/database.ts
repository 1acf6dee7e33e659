import { outboxRestrictions, setAsideRestrictions } from '#messaging';
import type { DatabaseSpec } from '#platform';
import { CreateExchangeTables1763800000000 } from './create-exchange-tables.migration.js';
import { DiscardSetAside1796000000000 } from './discard-set-aside.migration.js';
import { OpenAlerts1795700000000 } from './open-alerts.migration.js';
import { ReconcileTransfers1795500000000 } from './reconcile-transfers.migration.js';
import { ResendFairly1795600000000 } from './resend-fairly.migration.js';
import { RetrySetAside1795850000000 } from './retry-set-aside.migration.js';

export const SCHEMA = 'exchange';

export const databaseSpec: DatabaseSpec = {
  schema: SCHEMA,
  migrations: [
    CreateExchangeTables1763800000000,
    ReconcileTransfers1795500000000,
    ResendFairly1795600000000,
    OpenAlerts1795700000000,
    RetrySetAside1795850000000,
    DiscardSetAside1796000000000,
  ],
  restrictions: [
    ...outboxRestrictions(SCHEMA),
    ...setAsideRestrictions(SCHEMA),
    `REVOKE DELETE ON exchange.messages, exchange.exchanges FROM :role`,
  ],
};
