import type { DatabaseSpec } from '#platform';
import { AgentTables1790000000001 } from './migrations/1-agent-tables.migration.js';

/** What the prepare step makes for an agent, in a database of its own. */
export const databaseSpec: DatabaseSpec = {
  schema: 'agent',
  migrations: [AgentTables1790000000001],
  restrictions: ['REVOKE UPDATE, DELETE, TRUNCATE ON agent.looks FROM :role'],
};
