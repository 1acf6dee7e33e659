import type { ServerResponse } from 'node:http';

/** Aborted when the connection of a response is closed before the answer is complete. Listens to nothing that outlives it. */
export function whenGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}
