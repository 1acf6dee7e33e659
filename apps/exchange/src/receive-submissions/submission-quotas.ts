import type { MessageContext } from '#envelope';
import type { Queryable } from '#messaging';
import type { Judged } from './judge-submissions.js';

export interface QuotaLimits {
  /** Accepted messages of one agency in an hour of the clock. */
  readonly agencyPerHour: number;
  /** Accepted messages of one agency about one subject in a UTC day. */
  readonly subjectPerDay: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Counter {
  readonly agency: string;
  /** Empty for the count of the whole agency. */
  readonly subject: string;
  readonly windowStart: Date;
  count: number;
  added: number;
}

const nameOf = ({ agency, subject, windowStart }: Omit<Counter, 'count' | 'added'>): string =>
  `${agency} ${subject} ${windowStart.getTime()}`;

/** The counts that concern one batch, as far as this transaction sees them. */
export class QuotaCounts {
  constructor(
    private readonly limits: QuotaLimits,
    private readonly counters: ReadonlyMap<string, Counter>,
    private readonly now: Date,
  ) {}

  /** Counts the message, or leaves all counts as they are when one of them is at its limit. */
  take(context: MessageContext): boolean {
    const counters = countersOf(context, this.now).map((counter) => this.counters.get(nameOf(counter)));
    const free = counters.every(
      (counter) =>
        counter === undefined ||
        counter.count + counter.added <
          (counter.subject === '' ? this.limits.agencyPerHour : this.limits.subjectPerDay),
    );
    if (free) for (const counter of counters) if (counter) counter.added += 1;
    return free;
  }

  added(): readonly Counter[] {
    return [...this.counters.values()].filter(({ added }) => added > 0);
  }
}

const countersOf = ({ sender, subjects }: MessageContext, now: Date): Counter[] => {
  const start = (length: number): Date => new Date(Math.floor(now.getTime() / length) * length);
  return [
    { agency: sender, subject: '', windowStart: start(HOUR_MS), count: 0, added: 0 },
    ...[...new Set<string>(subjects)].map((subject) => ({
      agency: sender,
      subject,
      windowStart: start(DAY_MS),
      count: 0,
      added: 0,
    })),
  ];
};

/**
 * How much one agency may send, so that nobody reads out registers person by person or trawls one person. Counts are read
 * without a lock: batches side by side may go over a limit by their size.
 */
export class SubmissionQuotas {
  constructor(private readonly limits: QuotaLimits) {}

  async read(client: Queryable, judged: readonly Judged[], now: Date): Promise<QuotaCounts> {
    const counters = new Map<string, Counter>();
    for (const one of judged) {
      if (one.verdict !== 'sound') continue;
      for (const counter of countersOf(one.manifest.context, now)) counters.set(nameOf(counter), counter);
    }
    const wanted = [...counters.values()];
    if (wanted.length > 0) {
      const { rows } = await client.query<{ agency: string; subject: string; window_start: Date; count: number }>({
        name: 'exchange.quota-counts',
        text: `SELECT agency, subject, window_start, count FROM exchange.quota_counts
               JOIN unnest($1::text[], $2::text[], $3::timestamptz[]) AS given (agency, subject, window_start)
                 USING (agency, subject, window_start)`,
        values: columnsOf(wanted),
      });
      for (const { agency, subject, window_start, count } of rows) {
        const counter = counters.get(nameOf({ agency, subject, windowStart: window_start }));
        if (counter) counter.count = count;
      }
    }
    return new QuotaCounts(this.limits, counters, now);
  }

  async write(client: Queryable, counts: QuotaCounts): Promise<void> {
    const added = counts.added();
    if (added.length === 0) return;
    await client.query({
      name: 'exchange.add-quota-counts',
      text: `INSERT INTO exchange.quota_counts (agency, subject, window_start, count)
             SELECT agency, subject, window_start, added
             FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::int[])
               AS given (agency, subject, window_start, added)
             ORDER BY agency, subject, window_start
             ON CONFLICT (agency, subject, window_start) DO UPDATE SET count = quota_counts.count + excluded.count`,
      values: [...columnsOf(added), added.map((counter) => counter.added)],
    });
  }
}

const columnsOf = (counters: readonly Counter[]): unknown[] => [
  counters.map(({ agency }) => agency),
  counters.map(({ subject }) => subject),
  counters.map(({ windowStart }) => windowStart),
];
