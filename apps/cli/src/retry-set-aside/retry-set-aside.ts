import type { CommandOutcome } from '../domain/command-outcome.js';
import { type ConsumingService, type RecordName, recordName } from '../domain/set-aside.js';
import { withSetAside } from '../infra/operator-calls.js';

const meanings: Readonly<Record<string, string>> = {
  taken: 'has had its effect',
  known: 'its event had come by another record: nothing was left to do',
  waits: 'waits in the queue of its exchange and is tried by itself',
  refused: 'stays set aside: its cause is still there',
  late: 'stays set aside: nobody can tell any more whether its event was taken meanwhile',
};

/**
 * Tries records again that were set aside, in this order, by the consumer that could not work on them. Repeating is harmless.
 * Fails where one stays set aside. Errors: NOT_FOUND, UNAVAILABLE, TIMEOUT.
 */
export async function retrySetAside(
  records: readonly RecordName[],
  addressOf: (service: ConsumingService) => Promise<string>,
): Promise<CommandOutcome> {
  const retried: { record: string; result: string; code: string }[] = [];
  for (const { service, place, id } of records) {
    const { result, code } = await withSetAside(await addressOf(service), (client) =>
      client.retrySetAside({ place, id }),
    );
    retried.push({ record: recordName({ service, place, id }), result, code });
  }
  return {
    ok: retried.every(({ result }) => result !== 'refused' && result !== 'late'),
    data: { retried },
    lines: retried.map(
      ({ record, result, code }) => `${record} ${meanings[result] ?? result}${code === '' ? '' : ` (${code})`}.`,
    ),
  };
}
