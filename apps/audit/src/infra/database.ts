import { outboxRestrictions } from '#messaging';
import type { DatabaseSpec } from '#platform';
import { Log1763800000001, logRestrictions } from './migrations/1-log.migration.js';
import { auditSchema } from './schema.js';

export const databaseSpec: DatabaseSpec = {
  schema: auditSchema,
  migrations: [Log1763800000001],
  restrictions: [...logRestrictions, ...outboxRestrictions(auditSchema)],
};
