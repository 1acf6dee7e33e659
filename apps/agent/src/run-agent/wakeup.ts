import { Injectable } from '@nestjs/common';
import type { AgencyId } from '#kernel';

/** Wakes an agency's work as soon as there is some, so that nothing waits for the next look at the database. */
@Injectable()
export class Wakeup {
  private readonly waiting = new Map<AgencyId, Set<() => void>>();
  private readonly counts = new Map<AgencyId, number>();

  notify(agency: AgencyId): void {
    this.counts.set(agency, this.count(agency) + 1);
    const waiting = this.waiting.get(agency);
    this.waiting.delete(agency);
    for (const wake of waiting ?? []) wake();
  }

  /** How often it was notified: taken before looking for work, so that no notification in between is missed. */
  count(agency: AgencyId): number {
    return this.counts.get(agency) ?? 0;
  }

  /** Until the next notification after `seen`, at most `ms`. */
  wait(agency: AgencyId, seen: number, ms: number, signal: AbortSignal): Promise<void> {
    if (this.count(agency) !== seen || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.waiting.get(agency) ?? new Set();
      this.waiting.set(agency, waiting);
      const done = (): void => {
        clearTimeout(timer);
        waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      waiting.add(done);
      signal.addEventListener('abort', done);
    });
  }
}
