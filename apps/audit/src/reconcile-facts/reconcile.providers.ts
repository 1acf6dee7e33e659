import { Inject, Injectable, type OnApplicationBootstrap, type Provider } from '@nestjs/common';
import { Gauge } from 'prom-client';
import type { Clock } from '#kernel';
import { CLOCK, Database, Readiness, metrics } from '#platform';
import { Appender } from '../append-entries/appender.js';
import type { AlertRules } from '../domain/alert-rules.js';
import { ALERT_RULES } from '../raise-alerts/alert.providers.js';
import { AgencyKeys } from '../infra/agency-keys.js';
import { EntryKek } from '../infra/entry-kek.js';
import { LeafOpenings } from '../infra/leaf-openings.js';
import { tileSource } from '../infra/log-store.js';
import { ReconciliationStore } from '../infra/reconciliation-store.js';
import { Differences } from './differences.js';
import { FactsInLog } from './facts-in-log.js';
import { OwedReceipts } from './owed-receipts.js';
import { ReconciliationState } from './reconciliation-state.js';

/** How it stands, for who watches the service. */
@Injectable()
class ReconciliationWatch implements OnApplicationBootstrap {
  constructor(
    @Inject(ReconciliationState) private readonly state: ReconciliationState,
    @Inject(Readiness) private readonly readiness: Readiness,
  ) {}

  onApplicationBootstrap(): void {
    const { state } = this;
    metrics.removeSingleMetric('kotovayla_log_differences');
    new Gauge({
      name: 'kotovayla_log_differences',
      help: 'Differences between the log and what producers committed that nobody has ended',
      registers: [metrics],
      async collect() {
        this.set((await state.look()).openCount);
      },
    });
    this.readiness.warn(async () => {
      const { openCount, producers } = await state.look();
      return [
        ...(openCount > 0 ? [`${openCount} differences between the log and what producers committed`] : []),
        ...producers.flatMap(({ topic, silent, reportedAt }) =>
          silent && reportedAt !== undefined ? [`nobody holds ${topic} against the log any more`] : [],
        ),
      ];
    });
  }
}

export const reconcileProviders = (): Provider[] => [
  {
    provide: ReconciliationStore,
    inject: [Database],
    useFactory: (database: Database) => new ReconciliationStore(database),
  },
  {
    provide: FactsInLog,
    inject: [Database, ReconciliationStore, LeafOpenings],
    useFactory: (database: Database, store: ReconciliationStore, openings: LeafOpenings) =>
      new FactsInLog(database, store, openings),
  },
  {
    provide: ReconciliationState,
    inject: [Database, ReconciliationStore],
    useFactory: (database: Database, store: ReconciliationStore) => new ReconciliationState(database, store),
  },
  {
    provide: Differences,
    inject: [ReconciliationStore, Appender, EntryKek, CLOCK, ALERT_RULES],
    useFactory: (
      store: ReconciliationStore,
      appender: Appender,
      kek: EntryKek,
      clock: Clock,
      { logDifference }: AlertRules,
    ) => new Differences(store, appender, kek, clock, logDifference),
  },
  {
    provide: OwedReceipts,
    inject: [Database, ReconciliationStore, LeafOpenings, AgencyKeys, Appender, CLOCK],
    useFactory: (
      database: Database,
      store: ReconciliationStore,
      openings: LeafOpenings,
      keys: AgencyKeys,
      appender: Appender,
      clock: Clock,
    ) => new OwedReceipts({ store, openings, keys, appender, tiles: tileSource(database), clock }),
  },
  ReconciliationWatch,
];
