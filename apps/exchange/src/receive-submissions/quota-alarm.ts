import { type Logger, metrics } from '#platform';
import { Counter } from 'prom-client';
import type { QuotaAlarm } from './submission-quotas.js';

const refusals = new Counter({
  name: 'exchange_quota_refusals_total',
  help: 'Messages stopped by a quota; a rise is worth a look at the agency.',
  labelNames: ['agency', 'code'],
  registers: [metrics],
});

/** A warning and a count for each, for whoever watches the hub. A batch that is tried again is told again. */
export const quotaAlarm =
  (logger: Logger): QuotaAlarm =>
  (agency, { code, retryAfter }) => {
    refusals.inc({ agency, code });
    logger.warn({ agency, code, retryAfter }, 'a quota stops messages of an agency');
  };
