import type { CommandOutcome } from '../domain/command-outcome.js';
import { withExchange } from '../infra/operator-calls.js';
import { tableLines } from '../infra/table.js';

const mostListed = 500;

/** Messages that could not be processed after all retries; each holds up its own exchange only. */
export async function listParked(exchange: string): Promise<CommandOutcome> {
  const { messages } = await withExchange(exchange, (client) => client.listParked({ limit: mostListed }));
  const parked = messages.map(({ id, topic, exchangeId, errorCode, attempts, parkedAt }) => ({
    id,
    topic,
    exchangeId,
    errorCode,
    attempts,
    parkedAt: parkedAt?.toISOString(),
  }));
  const rows = parked.map(({ id, topic, exchangeId, errorCode, attempts, parkedAt }) => [
    id,
    topic,
    exchangeId,
    errorCode,
    String(attempts),
    parkedAt ?? '',
  ]);
  return {
    ok: true,
    data: { parked },
    lines:
      parked.length === 0
        ? ['Nothing is parked.']
        : tableLines(['id', 'topic', 'exchange', 'error', 'attempts', 'parked at'], rows),
  };
}
