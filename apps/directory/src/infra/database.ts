import { outboxRestrictions, setAsideRestrictions } from '#messaging';
import type { DatabaseSpec } from '#platform';
import { CreateDirectoryTables1795000000000 } from './migrations/1795000000000-create-directory-tables.js';
import { EndSupersededKeys1795300000000 } from './migrations/1795300000000-end-superseded-keys.js';
import { ReconcileWithLog1795500000000 } from './migrations/1795500000000-reconcile-with-log.js';
import { ResendFairly1795600000000 } from './migrations/1795600000000-resend-fairly.js';
import { NameEventsOfRows1795700000000 } from './migrations/1795700000000-name-events-of-rows.js';
import { TakeAuditorsKeys1795800000000 } from './migrations/1795800000000-take-auditors-keys.js';
import { TellEarlierRowsAgain1795900000000 } from './migrations/1795900000000-tell-earlier-rows-again.js';
import { RetrySetAside1795950000000 } from './migrations/1795950000000-retry-set-aside.js';
import { DiscardSetAside1796000000000 } from './migrations/1796000000000-discard-set-aside.js';

export const SCHEMA = 'directory';

export const databaseSpec: DatabaseSpec = {
  schema: SCHEMA,
  migrations: [
    CreateDirectoryTables1795000000000,
    EndSupersededKeys1795300000000,
    ReconcileWithLog1795500000000,
    ResendFairly1795600000000,
    NameEventsOfRows1795700000000,
    TakeAuditorsKeys1795800000000,
    TellEarlierRowsAgain1795900000000,
    RetrySetAside1795950000000,
    DiscardSetAside1796000000000,
  ],
  restrictions: [
    ...outboxRestrictions(SCHEMA),
    ...setAsideRestrictions(SCHEMA),
    'REVOKE DELETE ON directory.agency, directory.agency_key FROM :role',
    'REVOKE UPDATE, DELETE ON directory.key_revocation, directory.catalogue_version FROM :role',
    'REVOKE INSERT, UPDATE, DELETE ON directory.told_again FROM :role',
  ],
};
