import { outboxRestrictions } from '#messaging';
import type { DatabaseSpec } from '#platform';
import { CreateConsentTables1795000000000 } from './migrations/1795000000000-create-consent-tables.js';

export const SCHEMA = 'consent';

export const databaseSpec: DatabaseSpec = {
  schema: SCHEMA,
  migrations: [CreateConsentTables1795000000000],
  restrictions: [
    ...outboxRestrictions(SCHEMA),
    'REVOKE UPDATE, DELETE ON consent.consent_version, consent.consent_use, consent.withdrawal FROM :role',
    'REVOKE DELETE ON consent.consent FROM :role',
  ],
};
