/** The part of a file of kafkajs, which its own types leave out, that quiet-request-queue.ts mends. */
declare module 'kafkajs/src/network/requestQueue/index.js' {
  export default class RequestQueue {
    constructor(options: {
      maxInFlightRequests: number | null;
      requestTimeout: number;
      enforceRequestTimeout: boolean;
      clientId: string;
      broker: string;
      logger: { debug(): void; warn(): void };
    });
    readonly pending: unknown[];
    checkPendingRequests(): void;
    maybeThrottle(milliseconds: number): void;
    push(request: {
      entry: { correlationId: number; resolve(): void };
      expectResponse: boolean;
      sendRequest: () => void;
    }): void;
    scheduleCheckPendingRequests: (this: RequestQueue) => void;
  }
}
