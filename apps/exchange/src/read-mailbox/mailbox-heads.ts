import type { MailboxHead } from '#contracts';
import type { Database } from '#platform';
import { Observable } from 'rxjs';

const LOOK_EVERY_MS = 1_000;

type Listener = (heads: readonly MailboxHead[]) => void;

/**
 * How far each mailbox has grown. Looked up after each commit of this process, and each second for those of another
 * instance; looks that come while one is under way are taken together.
 */
export class MailboxHeads {
  private readonly heads = new Map<string, bigint>();
  private readonly listeners = new Set<Listener>();
  private looking: Promise<void> | undefined;
  private again = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => this.wake(), LOOK_EVERY_MS);
    this.wake();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  wake(): void {
    this.again = true;
    this.looking ??= this.look().finally(() => {
      this.looking = undefined;
      if (this.again) this.wake();
    });
  }

  /** All heads at first, then those that grew. */
  watch(): Observable<MailboxHead[]> {
    return new Observable((subscriber) => {
      const listener: Listener = (heads) => subscriber.next([...heads]);
      this.listeners.add(listener);
      subscriber.next([...this.heads].map(([agency, head]) => ({ agency, head })));
      return () => this.listeners.delete(listener);
    });
  }

  private async look(): Promise<void> {
    this.again = false;
    try {
      const { rows } = await this.database.query<{ agency: string; head: string }>({
        name: 'exchange.mailbox-heads',
        text: 'SELECT agency, head FROM exchange.mailboxes',
      });
      const grown = rows
        .map(({ agency, head }) => ({ agency, head: BigInt(head) }))
        .filter(({ agency, head }) => (this.heads.get(agency) ?? 0n) < head);
      for (const { agency, head } of grown) this.heads.set(agency, head);
      if (grown.length > 0) for (const listener of this.listeners) listener(grown);
    } catch (error) {
      this.onFailure(error);
    }
  }
}
