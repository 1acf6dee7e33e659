import { Gauge } from 'prom-client';
import { metrics, type Readiness } from './health.js';

const GAUGE = 'kotovayla_set_aside_records';

interface SetAside {
  readonly consumer: string;
  readonly place: 'parked' | 'quarantine';
  readonly count: number;
  readonly lately: number;
}

/**
 * Puts records that a consumer could not work on, and set aside to go on, before whoever watches the service: as a metric, and in
 * the detail of /readyz. What is parked stands there until an operator has acted on it; what lies in quarantine for a day, as it
 * is kept for good.
 */
export function watchSetAside(readiness: Readiness, look: () => Promise<readonly SetAside[]>): void {
  metrics.removeSingleMetric(GAUGE);
  new Gauge({
    name: GAUGE,
    help: 'Records that a consumer could not work on, parked for an operator or in quarantine',
    labelNames: ['consumer', 'place'],
    registers: [metrics],
    async collect() {
      this.reset();
      for (const { consumer, place, count } of await look()) this.set({ consumer, place }, count);
    },
  });
  readiness.warn(async () =>
    (await look()).flatMap(({ consumer, place, count, lately }) => {
      if (place === 'parked') return [`${count} record(s) of ${consumer} parked`];
      return lately > 0 ? [`${lately} record(s) of ${consumer} went to quarantine since a day ago`] : [];
    }),
  );
}
