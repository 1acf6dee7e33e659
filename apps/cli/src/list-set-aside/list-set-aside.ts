import type { CommandOutcome } from '../domain/command-outcome.js';
import { type ConsumingService, recordName } from '../domain/set-aside.js';
import { withSetAside } from '../infra/operator-calls.js';
import { tableLines } from '../infra/table.js';

const mostListed = 500;

/**
 * Records that services could not work on: where each came from and why it is set aside, never what it says.
 * Errors: UNAVAILABLE, TIMEOUT.
 */
export async function listSetAside(
  addresses: ReadonlyMap<ConsumingService, string>,
  taken: boolean,
): Promise<CommandOutcome> {
  const lists = await Promise.all(
    [...addresses].map(async ([service, address]) => {
      const { records } = await withSetAside(address, (client) => client.listSetAside({ limit: mostListed, taken }));
      return records.map(({ place, id, setAsideAt, takenAt, discardedAt, discardedBy, reason, ...record }) => ({
        record: recordName({ service, place, id }),
        ...record,
        setAsideAt: setAsideAt?.toISOString(),
        ...(takenAt && { takenAt: takenAt.toISOString() }),
        ...(discardedAt && { discardedAt: discardedAt.toISOString(), discardedBy, reason }),
      }));
    }),
  );
  const records = lists.flat();
  const rows = records.map(
    ({ record, topic, partition, offset, setAsideAt = '', code, hash, retries, takenAt, ...ended }) => [
      record,
      `${topic}/${partition} at ${offset}`,
      setAsideAt,
      code,
      hash,
      String(retries),
      takenAt !== undefined
        ? `taken ${takenAt}`
        : 'discardedAt' in ended
          ? `discarded ${ended.discardedAt} by ${ended.discardedBy}: ${ended.reason}`
          : '',
    ],
  );
  const full = lists.some((list) => list.length === mostListed);
  return {
    ok: true,
    data: { records },
    lines:
      records.length === 0
        ? ['Nothing is set aside.']
        : [
            ...tableLines(['record', 'from', 'set aside', 'code', 'SHA-256', 'retries', 'end'], rows),
            ...(full ? [`Of each service its oldest ${mostListed}.`] : []),
          ],
  };
}
