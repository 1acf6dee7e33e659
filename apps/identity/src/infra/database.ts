import type { DatabaseSpec } from '#platform';
import { CreateProviderRecords1795000000000 } from './migrations/1795000000000-create-provider-records.js';

export const databaseSpec: DatabaseSpec = { schema: 'identity', migrations: [CreateProviderRecords1795000000000] };
