import { Gauge } from 'prom-client';
import { metrics, type Readiness } from './health.js';

const GAUGE = 'kotovayla_outbox_held_back_seconds';
/** Transactions end sooner. */
const WARN_AFTER_S = 10;

/**
 * Puts an outbox that an open transaction holds back before whoever watches the service: as a metric, and in the detail of /readyz.
 * Nothing is lost meanwhile, and nothing reaches the log: somebody has to end the transaction.
 *
 * @param heldBackMs for how long the oldest committed event has not been readable to its relay
 */
export function watchOutbox(readiness: Readiness, heldBackMs: () => Promise<number>): void {
  const seconds = async (): Promise<number> => (await heldBackMs()) / 1_000;
  metrics.removeSingleMetric(GAUGE);
  new Gauge({
    name: GAUGE,
    help: 'For how long the oldest committed event has been held back by an open transaction of its own database',
    registers: [metrics],
    async collect() {
      this.set(await seconds());
    },
  });
  readiness.warn(async () => {
    const held = await seconds();
    return held >= WARN_AFTER_S ? [`an open transaction holds events back for ${Math.floor(held)} s`] : [];
  });
}
