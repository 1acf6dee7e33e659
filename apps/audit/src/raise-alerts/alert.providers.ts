import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type Provider,
} from '@nestjs/common';
import type { Clock } from '#kernel';
import { CLOCK, Database, LOGGER, type Logger } from '#platform';
import { Appender } from '../append-entries/appender.js';
import { BreakGlass } from '../break-glass/break-glass.js';
import type { AlertRules } from '../domain/alert-rules.js';
import { AgencyKeys } from '../infra/agency-keys.js';
import { readAlertRules } from '../infra/alert-rules-data.js';
import { AlertStore } from '../infra/alert-store.js';
import { BreakGlassStore } from '../infra/break-glass-store.js';
import { EntryKek } from '../infra/entry-kek.js';
import { LeafOpenings } from '../infra/leaf-openings.js';
import { Alerts } from './alerts.js';

/** The rules of all alerts, as data. */
export const ALERT_RULES = Symbol('AlertRules');
const LOOK_EVERY_MS = Symbol('AlertLookEveryMs');

/** Looks at the instance that appends. */
@Injectable()
class AlertWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();

  constructor(
    @Inject(Alerts) private readonly alerts: Alerts,
    @Inject(Appender) private readonly appender: Appender,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(LOOK_EVERY_MS) private readonly everyMs: number,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      if (this.appender.active) this.looking = this.looking.then(() => this.look());
    }, this.everyMs);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    await this.alerts.look().catch((error: unknown) => {
      this.logger.error({ err: error }, 'unusual access could not be looked for');
    });
  }
}

/** @param rulesFile rules as data */
export const alertProviders = (rulesFile: string, everyMs: number): Provider[] => [
  { provide: LOOK_EVERY_MS, useValue: everyMs },
  { provide: ALERT_RULES, useFactory: () => readAlertRules(rulesFile) },
  { provide: AlertStore, inject: [Database], useFactory: (database: Database) => new AlertStore(database) },
  {
    provide: Alerts,
    inject: [AlertStore, ALERT_RULES, AgencyKeys, EntryKek, Appender, CLOCK],
    useFactory: (
      store: AlertStore,
      rules: AlertRules,
      keys: AgencyKeys,
      kek: EntryKek,
      appender: Appender,
      clock: Clock,
    ) => new Alerts({ store, rules, keys, kek, appender, clock }),
  },
  AlertWatch,
  {
    provide: BreakGlass,
    inject: [Database, AlertStore, ALERT_RULES, LeafOpenings, AgencyKeys, EntryKek, Appender, CLOCK, LOGGER],
    useFactory: (
      database: Database,
      alerts: AlertStore,
      { breakGlass }: AlertRules,
      openings: LeafOpenings,
      keys: AgencyKeys,
      kek: EntryKek,
      appender: Appender,
      clock: Clock,
      logger: Logger,
    ) =>
      new BreakGlass({
        store: new BreakGlassStore(database),
        alerts,
        rule: breakGlass,
        database,
        openings,
        keys,
        kek,
        appender,
        clock,
        logger,
      }),
  },
];
