import type { IncomingMessage } from 'node:http';

/** Aborted when the caller closes the connection before it has its answer. */
export function whenGone(request: IncomingMessage): AbortSignal {
  const gone = new AbortController();
  request.socket.once('close', () => gone.abort());
  return gone.signal;
}
