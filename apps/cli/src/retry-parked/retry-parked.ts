import type { CommandOutcome } from '../domain/command-outcome.js';
import { withExchange } from '../infra/operator-calls.js';

/** Puts a parked message back at the head of its exchange. Errors: NOT_FOUND. */
export async function retryParked(exchange: string, id: string): Promise<CommandOutcome> {
  await withExchange(exchange, (client) => client.retryParked({ id }));
  return { ok: true, data: { id }, lines: [`${id} is tried again.`] };
}
