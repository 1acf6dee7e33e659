import type { DatabaseSpec } from '#platform';
import { AlertCalls1790000000013 } from './migrations/13-alert-calls.migration.js';
import { RetiredLogKeys1790000000012 } from './migrations/12-retired-log-keys.migration.js';
import { DecidersAnswers1790000000011 } from './migrations/11-deciders-answers.migration.js';
import { SupersededExchanges1790000000010 } from './migrations/10-superseded-exchanges.migration.js';
import { AgentTables1790000000001 } from './migrations/1-agent-tables.migration.js';
import { KeyCare1790000000002 } from './migrations/2-key-care.migration.js';
import { ConsentAsking1790000000003 } from './migrations/3-consent-asking.migration.js';
import { RestoredMail1790000000004 } from './migrations/4-restored-mail.migration.js';
import { ConsentNotices1790000000005 } from './migrations/5-consent-notices.migration.js';
import { ReSigning1790000000006 } from './migrations/6-re-signing.migration.js';
import { ProtectedClients1790000000007 } from './migrations/7-protected-clients.migration.js';
import { SubjectLinks1790000000008 } from './migrations/8-subject-links.migration.js';
import { Witnesses1790000000009 } from './migrations/9-witnesses.migration.js';

/** What the prepare step makes for an agent, in a database of its own. */
export const databaseSpec: DatabaseSpec = {
  schema: 'agent',
  migrations: [
    AgentTables1790000000001,
    KeyCare1790000000002,
    ConsentAsking1790000000003,
    RestoredMail1790000000004,
    ConsentNotices1790000000005,
    ReSigning1790000000006,
    ProtectedClients1790000000007,
    SubjectLinks1790000000008,
    Witnesses1790000000009,
    SupersededExchanges1790000000010,
    DecidersAnswers1790000000011,
    RetiredLogKeys1790000000012,
    AlertCalls1790000000013,
  ],
  restrictions: [
    'REVOKE UPDATE, DELETE, TRUNCATE ON agent.looks, agent.alarm_acknowledgements FROM :role',
    'REVOKE DELETE, TRUNCATE ON agent.cosigned_heads FROM :role',
  ],
};
