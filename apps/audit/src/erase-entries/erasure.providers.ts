import { setTimeout as delay } from 'node:timers/promises';
import type { Provider } from '@nestjs/common';
import { AppError, type Clock } from '#kernel';
import { CLOCK, Database, LOGGER, type Logger } from '#platform';
import { Appender } from '../append-entries/appender.js';
import type { RetentionData } from '../domain/retention.js';
import { Holds } from '../hold-entries/holds.js';
import { AgencyKeys } from '../infra/agency-keys.js';
import { EntryKek } from '../infra/entry-kek.js';
import { ErasureRunStore } from '../infra/erasure-run-store.js';
import { ErasureStore } from '../infra/erasure-store.js';
import { readRetentionData } from '../infra/retention-data.js';
import { RETENTION_DATA } from '../list-retention/list-retention.controller.js';
import { LogPublisher } from '../publish-log/log-publisher.js';
import { ErasureRun } from './erasure-run.js';
import { ErasureRuns } from './erasure-runs.js';
import { type ErasureContext, Erasures } from './erasures.js';
import { NightlyErasure } from './nightly-erasure.js';
import { OneAtATime } from './one-at-a-time.js';

const CONTEXT = Symbol('ErasureContext');
const PUBLISHED_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 50;

/** @param nightlyHour as `NightlyErasure` takes it */
export const erasureProviders = (dataFile: string, nightlyHour: number | undefined): Provider[] => [
  { provide: RETENTION_DATA, useFactory: () => readRetentionData(dataFile) },
  { provide: ErasureStore, inject: [Database], useFactory: (database: Database) => new ErasureStore(database) },
  { provide: OneAtATime, useFactory: () => new OneAtATime() },
  {
    provide: CONTEXT,
    inject: [ErasureStore, AgencyKeys, EntryKek, Appender, CLOCK, RETENTION_DATA],
    useFactory: (
      store: ErasureStore,
      keys: AgencyKeys,
      kek: EntryKek,
      appender: Appender,
      clock: Clock,
      data: RetentionData,
    ): ErasureContext => ({ store, keys, kek, appender, clock, data }),
  },
  { provide: Erasures, inject: [CONTEXT], useFactory: (context: ErasureContext) => new Erasures(context) },
  {
    provide: Holds,
    inject: [CONTEXT, OneAtATime],
    useFactory: (context: ErasureContext, erasing: OneAtATime) => new Holds(context, erasing),
  },
  {
    provide: ErasureRun,
    inject: [CONTEXT, Erasures, OneAtATime, LogPublisher, LOGGER],
    useFactory: (
      context: ErasureContext,
      erasures: Erasures,
      erasing: OneAtATime,
      publisher: LogPublisher,
      logger: Logger,
    ) =>
      new ErasureRun(
        { ...context, logger, whenPublished: (size) => whenPublished(publisher, size) },
        erasures,
        erasing,
      ),
  },
  {
    provide: ErasureRuns,
    inject: [Database, CONTEXT, Erasures, ErasureRun, LOGGER],
    useFactory: (
      database: Database,
      context: ErasureContext,
      erasures: Erasures,
      erasureRun: ErasureRun,
      logger: Logger,
    ) => new ErasureRuns({ ...context, runs: new ErasureRunStore(database), logger }, erasures, erasureRun),
  },
  {
    provide: NightlyErasure,
    inject: [ErasureRuns, Appender, CLOCK, LOGGER],
    useFactory: (runs: ErasureRuns, appender: Appender, clock: Clock, logger: Logger) =>
      new NightlyErasure({ hour: nightlyHour, runs, appender, clock, logger }),
  },
];

async function whenPublished(publisher: LogPublisher, size: number): Promise<void> {
  for (const end = Date.now() + PUBLISHED_WITHIN_MS; ;) {
    const published = await publisher.published();
    if (published && published.size >= size) return;
    if (Date.now() > end) throw new AppError('UNAVAILABLE', 'the tombstone is not in the public log yet');
    publisher.wake();
    await delay(LOOK_EVERY_MS);
  }
}
