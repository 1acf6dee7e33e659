import { outboxRestrictions } from '#messaging';
import type { DatabaseSpec } from '#platform';
import { Log1763800000001, logRestrictions } from './migrations/1-log.migration.js';
import { EntryEvidence1764115200001, evidenceRestrictions } from './migrations/2-entry-evidence.migration.js';
import { Places1764115200002 } from './migrations/3-places.migration.js';
import { Cosignatures1764115200003, cosignatureRestrictions } from './migrations/4-cosignatures.migration.js';
import { Erasure1764117000001, erasureRestrictions } from './migrations/5-erasure.migration.js';
import { Search1764117000002 } from './migrations/6-search.migration.js';
import { Alerts1764117000003, alertRestrictions } from './migrations/7-alerts.migration.js';
import { BreakGlass1764117000004, breakGlassRestrictions } from './migrations/8-break-glass.migration.js';
import { Reconciliation1764119000001, reconciliationRestrictions } from './migrations/9-reconciliation.migration.js';
import { Chains1764144000001, chainRestrictions } from './migrations/10-chains.migration.js';
import { RefusedEvents1764145000001 } from './migrations/11-refused-events.migration.js';
import { ClearEntries1764146000001 } from './migrations/12-clear-entries.migration.js';
import { ErasureRuns1764159000001, erasureRunRestrictions } from './migrations/13-erasure-runs.migration.js';
import { ChainRuns1764160000001, runRestrictions } from './migrations/14-chain-runs.migration.js';
import { RetrySetAside1764161000001 } from './migrations/15-retry-set-aside.migration.js';
import {
  WaitingErasures1764162000001,
  waitingErasureRestrictions,
} from './migrations/16-waiting-erasures.migration.js';
import { DiscardSetAside1764163000001 } from './migrations/17-discard-set-aside.migration.js';
import { auditSchema } from './schema.js';

export const databaseSpec: DatabaseSpec = {
  schema: auditSchema,
  migrations: [
    Log1763800000001,
    EntryEvidence1764115200001,
    Places1764115200002,
    Cosignatures1764115200003,
    Erasure1764117000001,
    Search1764117000002,
    Alerts1764117000003,
    BreakGlass1764117000004,
    Reconciliation1764119000001,
    Chains1764144000001,
    RefusedEvents1764145000001,
    ClearEntries1764146000001,
    ErasureRuns1764159000001,
    ChainRuns1764160000001,
    RetrySetAside1764161000001,
    WaitingErasures1764162000001,
    DiscardSetAside1764163000001,
  ],
  restrictions: [
    ...logRestrictions,
    ...evidenceRestrictions,
    ...cosignatureRestrictions,
    ...erasureRestrictions,
    ...alertRestrictions,
    ...breakGlassRestrictions,
    ...reconciliationRestrictions,
    ...chainRestrictions,
    ...erasureRunRestrictions,
    ...runRestrictions,
    ...waitingErasureRestrictions,
    ...outboxRestrictions(auditSchema),
  ],
};
