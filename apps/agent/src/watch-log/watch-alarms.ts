import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { metrics, Readiness } from '#platform';
import { LogStore } from '../infra/log-store.js';
import { ServedAgencies } from '../serve-agencies/served-agencies.js';

const GAUGE = 'kotovayla_agent_open_alarms';

/**
 * Puts alarms at which nobody has looked before whoever watches the process: in the detail of /readyz and as a metric. They do
 * not make the agent unready, for then nobody could look at them through it.
 */
@Injectable()
export class WatchAlarms implements OnApplicationBootstrap {
  constructor(
    @Inject(LogStore) private readonly store: LogStore,
    @Inject(ServedAgencies) private readonly agencies: ServedAgencies,
    @Inject(Readiness) private readonly readiness: Readiness,
  ) {}

  onApplicationBootstrap(): void {
    const open = () => this.store.openAlarms(this.agencies.all.map(({ id }) => id));
    this.readiness.warn(async () =>
      (await open()).map(({ agency, code, count }) => `${agency}: ${count} open alarm(s) ${code}`),
    );
    metrics.removeSingleMetric(GAUGE);
    new Gauge({
      name: GAUGE,
      help: 'Alarms that nobody has acknowledged, by agency and code',
      labelNames: ['agency', 'code'],
      registers: [metrics],
      async collect() {
        this.reset();
        for (const { agency, code, count } of await open()) this.set({ agency, code }, count);
      },
    });
  }
}
