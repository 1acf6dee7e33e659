import { ExchangeServiceClient, type WatchMailboxesResponse } from '#contracts';
import type { AgencyId } from '#kernel';
import type { ClientReadableStream, GrpcClient } from '#platform';

const RECONNECT_AFTER_MS = 250;

/** Heads of all mailboxes, streamed from exchange, so that long polls wait without asking. */
export class MailboxHeads {
  private readonly heads = new Map<string, bigint>();
  private readonly waiting = new Map<string, Set<() => void>>();
  private stream: ClientReadableStream<WatchMailboxesResponse> | undefined;
  private retry: NodeJS.Timeout | undefined;
  private closed = false;
  connected = false;

  constructor(private readonly exchange: GrpcClient<ExchangeServiceClient>) {}

  start(): void {
    if (this.closed) return;
    const stream = this.exchange.raw.watchMailboxes({});
    this.stream = stream;
    let over = false;
    const again = (): void => {
      if (over) return;
      over = true;
      this.connected = false;
      this.retry = setTimeout(() => this.start(), RECONNECT_AFTER_MS);
    };
    stream.on('data', ({ heads }: WatchMailboxesResponse) => {
      this.connected = true;
      for (const { agency, head } of heads) this.raise(agency, head);
    });
    stream.on('error', again);
    stream.on('end', again);
  }

  /** Resolves when the mailbox grows beyond `after`, the time is up, or the caller has gone. */
  async beyond(agency: AgencyId, after: bigint, milliseconds: number, gone: AbortSignal): Promise<void> {
    if ((this.heads.get(agency) ?? 0n) > after || milliseconds <= 0 || gone.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        gone.removeEventListener('abort', done);
        this.waiting.get(agency)?.delete(done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      gone.addEventListener('abort', done);
      const others = this.waiting.get(agency) ?? new Set();
      this.waiting.set(agency, others.add(done));
    });
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.stream?.cancel();
    for (const waiting of this.waiting.values()) for (const done of [...waiting]) done();
  }

  private raise(agency: string, head: bigint): void {
    if ((this.heads.get(agency) ?? -1n) >= head) return;
    this.heads.set(agency, head);
    for (const done of [...(this.waiting.get(agency) ?? [])]) done();
  }
}
