import type { MessageContext } from '#envelope';
import { type AgencyId, err, ok, type Result } from '#kernel';
import type { Queryable } from '#messaging';
import { isOpeningKind } from '../domain/message-kinds.js';

export interface QuotaLimits {
  /** Messages of one agency in an hour of the clock. */
  readonly agencyPerHour: number;
  /** Messages by which one agency begins or renews something about one subject in a UTC day. */
  readonly subjectPerDay: number;
  /** Different subjects about whom one agency begins something in a UTC day. */
  readonly subjectsPerDay: number;
}

export interface QuotaExceeded {
  readonly code: 'RATE_LIMITED' | 'SUBJECT_QUOTA_EXCEEDED' | 'ENUMERATION_QUOTA_EXCEEDED';
  /** Seconds until the window ends. */
  readonly retryAfter: number;
}

/** Told of each message that a limit stops; nothing personal. */
export type QuotaAlarm = (agency: AgencyId, exceeded: QuotaExceeded) => void;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** In the column of the subject: the count of the whole agency, and the count of its different subjects. */
const WHOLE_AGENCY = '';
const DIFFERENT_SUBJECTS = '*';

interface CounterName {
  readonly agency: AgencyId;
  readonly subject: string;
  readonly windowStart: Date;
}

interface Counter extends CounterName {
  count: number;
  added: number;
}

interface Wanted {
  readonly agency: CounterName;
  /** Empty, and `different` unused, for a message that only replies: whom others ask about is not this agency's doing. */
  readonly subjects: readonly CounterName[];
  readonly different: CounterName;
}

const nameOf = ({ agency, subject, windowStart }: CounterName): string =>
  `${agency} ${subject} ${windowStart.getTime()}`;

/** The counts that concern one batch, as far as this transaction sees them. */
export class QuotaCounts {
  constructor(
    private readonly limits: QuotaLimits,
    private readonly counters: ReadonlyMap<string, Counter>,
    private readonly now: Date,
  ) {}

  /** Counts the message, or leaves all counts as they are when one of them is at its limit. */
  take(context: MessageContext): Result<void, QuotaExceeded> {
    const wanted = wantedBy(context, this.now);
    const [agency, different] = [this.counter(wanted.agency), this.counter(wanted.different)];
    const subjects = wanted.subjects.map((name) => this.counter(name));
    const fresh = subjects.filter((counter) => used(counter) === 0);
    if (used(agency) >= this.limits.agencyPerHour) return this.exceeded('RATE_LIMITED', HOUR_MS);
    if (subjects.some((counter) => used(counter) >= this.limits.subjectPerDay))
      return this.exceeded('SUBJECT_QUOTA_EXCEEDED', DAY_MS);
    if (fresh.length > 0 && used(different) + fresh.length > this.limits.subjectsPerDay)
      return this.exceeded('ENUMERATION_QUOTA_EXCEEDED', DAY_MS);
    for (const counter of [agency, ...subjects]) counter.added += 1;
    different.added += fresh.length;
    return ok(undefined);
  }

  added(): readonly Counter[] {
    return [...this.counters.values()].filter(({ added }) => added > 0);
  }

  private counter(name: CounterName): Counter {
    const counter = this.counters.get(nameOf(name));
    if (!counter) throw new Error('a count that was not read');
    return counter;
  }

  private exceeded(code: QuotaExceeded['code'], window: number): Result<void, QuotaExceeded> {
    const end = startOf(this.now, window).getTime() + window;
    return err({ code, retryAfter: Math.ceil((end - this.now.getTime()) / 1000) });
  }
}

const used = ({ count, added }: Counter): number => count + added;

const startOf = (now: Date, window: number): Date => new Date(Math.floor(now.getTime() / window) * window);

function wantedBy({ sender: agency, kind, subjects }: MessageContext, now: Date): Wanted {
  const day = startOf(now, DAY_MS);
  return {
    agency: { agency, subject: WHOLE_AGENCY, windowStart: startOf(now, HOUR_MS) },
    subjects: isOpeningKind(kind)
      ? [...new Set<string>(subjects)].map((subject) => ({ agency, subject, windowStart: day }))
      : [],
    different: { agency, subject: DIFFERENT_SUBJECTS, windowStart: day },
  };
}

/**
 * How much one agency may send, so that nobody trawls one person, or finds out person by person who is a client somewhere.
 * Refused messages count like accepted ones. The counts stand in the database, so that a restart forgives nothing. They are
 * read without a lock: batches side by side may go over a limit by their size.
 */
export class SubmissionQuotas {
  constructor(private readonly limits: QuotaLimits) {}

  /** @param contexts of all messages that will be counted with what this returns */
  async read(client: Queryable, contexts: readonly MessageContext[], now: Date): Promise<QuotaCounts> {
    const counters = new Map<string, Counter>();
    for (const context of contexts) {
      const { agency, subjects, different } = wantedBy(context, now);
      for (const name of [agency, ...subjects, different]) counters.set(nameOf(name), { ...name, count: 0, added: 0 });
    }
    const wanted = [...counters.values()];
    if (wanted.length > 0) {
      const { rows } = await client.query<{ agency: AgencyId; subject: string; window_start: Date; count: number }>({
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
