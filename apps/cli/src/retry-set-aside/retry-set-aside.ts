import { AppError } from '#kernel';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type ConsumingService, type RecordName, recordName } from '../domain/set-aside.js';
import { withSetAside } from '../infra/operator-calls.js';

const meanings: Readonly<Record<string, string>> = {
  taken: 'has had its effect',
  known: 'its event had come by another record: nothing was left to do',
  waits: 'waits in the queue of its exchange and is tried by itself',
  refused: 'stays set aside: its cause is still there',
  failed: 'could not be tried',
  discarded: 'was ended by an operator: nothing is tried',
  late: 'stays set aside: nobody can tell any more whether its event was taken meanwhile',
};

const unsuccessful = ['refused', 'late', 'discarded', 'failed'];

/**
 * Tries records again that were set aside, in this order, by the consumer that could not work on them. Repeating is harmless.
 * Fails where one stays set aside, or could not be tried (NOT_FOUND, UNAVAILABLE, TIMEOUT); the others are tried all the same.
 */
export async function retrySetAside(
  records: readonly RecordName[],
  addressOf: (service: ConsumingService) => Promise<string>,
): Promise<CommandOutcome> {
  const retried: { record: string; result: string; code: string }[] = [];
  for (const { service, place, id } of records) {
    const record = recordName({ service, place, id });
    const address = await addressOf(service);
    try {
      const { result, code } = await withSetAside(address, (client) => client.retrySetAside({ place, id }));
      retried.push({ record, result, code });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      retried.push({ record, result: 'failed', code: error.code });
    }
  }
  return {
    ok: retried.every(({ result }) => !unsuccessful.includes(result)),
    data: { retried },
    lines: retried.map(
      ({ record, result, code }) => `${record} ${meanings[result] ?? result}${code === '' ? '' : ` (${code})`}.`,
    ),
  };
}
