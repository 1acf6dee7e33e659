import type { CommandOutcome } from '../domain/command-outcome.js';
import { keyIdIn } from '../domain/log-keys.js';
import type { OpenedLog } from '../infra/open-log.js';

/**
 * The verifier key that is known (C2SP signed-note), and every key to which it leads: from and until when, and for checkpoints of
 * which sizes. To be given to auditors and witnesses by another way than this network. Errors: CHECKPOINT_INVALID.
 */
export function showLogKey({ verifierKey, trusted }: Pick<OpenedLog, 'verifierKey' | 'trusted'>): CommandOutcome {
  if (trusted.problem) throw trusted.problem;
  const keys = trusted.keys.keys.map((key) => ({
    verifierKey: key.verifierKey,
    ...(key.logged && { from: key.logged.useFrom.toISOString() }),
    fromSize: key.from,
    ...(key.logged?.retired && { until: key.logged.retired.at.toISOString(), untilSize: key.until }),
    ...(key.logged?.retired?.withdrawn && { withdrawn: true }),
  }));
  const [origin = '', keyId = ''] = keyIdIn(verifierKey).split('+');
  return {
    ok: true,
    data: { verifierKey, origin, keyId, keys },
    lines: [
      verifierKey,
      ...keys.map(({ verifierKey: key, from, fromSize, until, untilSize, withdrawn: unused }) => {
        const how = unused ? 'withdrawn at' : 'until';
        const end = until === undefined ? 'in use' : `${how} ${until}, checkpoints up to size ${untilSize}`;
        return `  ${keyIdIn(key).split('+')[1]}  from ${from ?? 'the beginning'}, checkpoints from size ${fromSize}; ${end}`;
      }),
      ...keys.flatMap(({ verifierKey: key }) => (key === verifierKey ? [] : [key])),
    ],
  };
}
