import { Injectable } from '@nestjs/common';
import type { AgencyId } from '#kernel';

/** Kinds of work that wait for something to do. */
export type Work =
  | 'open'
  | 'notices'
  | 'send'
  | 'draft'
  | 'reply'
  | 'report'
  | 'consents'
  | 'keys'
  | 're-sign'
  | 'ask-again'
  | 'alert-calls';

/** Wakes an agency's work as soon as there is some, so that nothing waits for the next look at the database. */
@Injectable()
export class Wakeup {
  private readonly waiting = new Map<string, () => void>();
  private readonly counts = new Map<string, number>();

  notify(agency: AgencyId, ...works: readonly Work[]): void {
    for (const work of works) {
      const name = `${agency} ${work}`;
      this.counts.set(name, this.count(agency, work) + 1);
      this.waiting.get(name)?.();
    }
  }

  /** How often it was notified: taken before looking for work, so that no notification in between is missed. */
  count(agency: AgencyId, work: Work): number {
    return this.counts.get(`${agency} ${work}`) ?? 0;
  }

  /** Until the next notification after `seen`, at most `ms`. One wait for each agency and work at a time. */
  wait(agency: AgencyId, work: Work, seen: number, ms: number, signal: AbortSignal): Promise<void> {
    if (this.count(agency, work) !== seen || signal.aborted) return Promise.resolve();
    const name = `${agency} ${work}`;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.waiting.delete(name);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.waiting.set(name, done);
      signal.addEventListener('abort', done);
    });
  }
}
