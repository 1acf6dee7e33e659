import type { CommandOutcome } from '../domain/command-outcome.js';
import { type RecordName, recordName } from '../domain/set-aside.js';
import { withSetAside } from '../infra/operator-calls.js';

/**
 * Ends a record that was set aside without its effect; who and why stand in the log. Fails where it has had its effect. Errors:
 * NOT_FOUND, MALFORMED, CONFLICT (the hash is another record's), UNAVAILABLE, TIMEOUT.
 */
export async function discardSetAside(
  name: RecordName,
  discard: { readonly hash: string; readonly operator: string; readonly reason: string },
  address: string,
): Promise<CommandOutcome> {
  const { place, id } = name;
  const { result, eventId } = await withSetAside(address, (client) =>
    client.discardSetAside({ place, id, ...discard }),
  );
  const record = recordName(name);
  const line =
    result === 'taken'
      ? `${record} has had its effect: nothing is left to end.`
      : eventId === ''
        ? `${record} was ended before.`
        : `${record} is ended; the log says so as ${eventId}.`;
  return { ok: result === 'discarded', data: { record, result, eventId }, lines: [line] };
}
