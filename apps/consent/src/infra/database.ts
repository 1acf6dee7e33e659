import { outboxRestrictions, setAsideRestrictions } from '#messaging';
import type { DatabaseSpec } from '#platform';
import { CreateConsentTables1795000000000 } from './migrations/1795000000000-create-consent-tables.js';
import { CountAskedBases1795200000000 } from './migrations/1795200000000-count-asked-bases.js';
import { KeepConsentLifecycle1795100000000 } from './migrations/1795100000000-keep-consent-lifecycle.js';
import { BringBackStatements1795400000000 } from './migrations/1795400000000-bring-back-statements.js';
import { FollowTheLog1795300000000 } from './migrations/1795300000000-follow-the-log.js';
import { ReconcileWithLog1795500000000 } from './migrations/1795500000000-reconcile-with-log.js';
import { ResendFairly1795600000000 } from './migrations/1795600000000-resend-fairly.js';
import { NameEventsOfRows1795700000000 } from './migrations/1795700000000-name-events-of-rows.js';
import { RetrySetAside1795850000000 } from './migrations/1795850000000-retry-set-aside.js';
import { DiscardSetAside1796000000000 } from './migrations/1796000000000-discard-set-aside.js';

export const SCHEMA = 'consent';

const appendOnly = ['consent_version', 'consent_use', 'consent_act', 'proposal', 'subject_link', 'decider_exclusion'];

export const databaseSpec: DatabaseSpec = {
  schema: SCHEMA,
  migrations: [
    CreateConsentTables1795000000000,
    KeepConsentLifecycle1795100000000,
    CountAskedBases1795200000000,
    FollowTheLog1795300000000,
    BringBackStatements1795400000000,
    ReconcileWithLog1795500000000,
    ResendFairly1795600000000,
    NameEventsOfRows1795700000000,
    RetrySetAside1795850000000,
    DiscardSetAside1796000000000,
  ],
  restrictions: [
    ...outboxRestrictions(SCHEMA),
    ...setAsideRestrictions(SCHEMA),
    `REVOKE UPDATE, DELETE ON ${appendOnly.map((table) => `consent.${table}`).join(', ')} FROM :role`,
    'REVOKE DELETE ON consent.consent, consent.log_position, consent.lost_statement FROM :role',
  ],
};
