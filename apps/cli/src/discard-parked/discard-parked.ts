import type { CommandOutcome } from '../domain/command-outcome.js';
import { withExchange } from '../infra/operator-calls.js';

/** Gives a parked message up; the discard and its reason stand in the log. Errors: NOT_FOUND, MALFORMED. */
export async function discardParked(exchange: string, id: string, reason: string): Promise<CommandOutcome> {
  await withExchange(exchange, (client) => client.discardParked({ id, reason }));
  return { ok: true, data: { id, reason }, lines: [`${id} is discarded.`] };
}
