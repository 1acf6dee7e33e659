import { Gauge } from 'prom-client';
import { type Readiness, metrics } from '#platform';
import type { ErasureRuns } from './erasure-runs.js';

const GAUGE = 'kotovayla_erasure_run_failures';

/** Puts a run that does not come to its end before whoever watches the service: as a metric, and in the detail of /readyz. */
export function watchErasure(readiness: Readiness, runs: Pick<ErasureRuns, 'failures' | 'warnings'>): void {
  metrics.removeSingleMetric(GAUGE);
  new Gauge({
    name: GAUGE,
    help: 'How often the erasure run that has not ended broke after its tombstone stood',
    registers: [metrics],
    async collect() {
      this.set(await runs.failures());
    },
  });
  readiness.warn(() => runs.warnings());
}
