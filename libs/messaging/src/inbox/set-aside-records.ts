import type { Pool } from 'pg';
import { AppError } from '#kernel';
import type { HeldQueue } from './held-queue.js';
import type { RetriedRecord } from './inbox-consumer.js';
import { inboxStatements, type InboxStatements } from './inbox-statements.js';

/** Records that were set aside so that their partition went on. Nobody works on them but an operator. */
export interface SetAside {
  /** Whose: a topic, or what a service does with it. */
  readonly consumer: string;
  /** `parked` after all attempts, with those of its exchange behind it; `quarantine`: it could not be read. */
  readonly place: SetAsidePlace;
  readonly count: number;
  /** Of these, how many since a day ago. */
  readonly lately: number;
}

export type SetAsidePlace = 'parked' | 'quarantine';

/** One of them, without anything that it says. */
export interface SetAsideRecord {
  readonly place: SetAsidePlace;
  readonly id: string;
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly setAsideAt: Date;
  /** Of the last failure: a code, a SQLSTATE or the class of an error. */
  readonly code: string;
  /** SHA-256 of its value, base64url. */
  readonly hash: string;
  readonly retries: number;
  /** Since when it is set aside no more. */
  readonly takenAt: Date | null;
}

/** What an operator can do about what a service has set aside. Errors of `retry`: NOT_FOUND, UNAVAILABLE. */
export interface SetAsideDesk {
  list(options: { readonly taken: boolean; readonly limit: number }): Promise<readonly SetAsideRecord[]>;
  retry(place: SetAsidePlace, id: string): Promise<RetriedRecord>;
}

/** A consumer as a retry needs it. */
interface SettingAside {
  readonly consumer: string;
  readonly held: Pick<HeldQueue<unknown>, 'tryExchange' | 'waiting'>;
  retryQuarantined(id: string): Promise<RetriedRecord | undefined>;
}

/** What the inboxes of a schema have set aside. */
export class SetAsideRecords implements SetAsideDesk {
  private readonly sql: InboxStatements;

  constructor(
    private readonly options: {
      readonly pool: Pool;
      readonly schema: string;
      readonly inboxes: readonly SettingAside[];
    },
  ) {
    this.sql = inboxStatements(options.schema);
  }

  async count(): Promise<SetAside[]> {
    const { rows } = await this.options.pool.query<SetAside>(this.sql.setAside);
    return rows;
  }

  /** The oldest ones. With `taken`, also those that have left quarantine by a retry. */
  async list({ taken, limit }: { readonly taken: boolean; readonly limit: number }): Promise<SetAsideRecord[]> {
    const { rows } = await this.options.pool.query<SetAsideRecord>({
      ...this.sql.listSetAside,
      values: [taken, limit],
    });
    return rows;
  }

  async retry(place: SetAsidePlace, id: string): Promise<RetriedRecord> {
    if (!/^[1-9][0-9]{0,17}$/.test(id)) throw new AppError('NOT_FOUND');
    return place === 'parked' ? this.retryParked(id) : this.retryQuarantined(id);
  }

  private async retryQuarantined(id: string): Promise<RetriedRecord> {
    const { rows } = await this.options.pool.query<{ consumer: string }>({
      ...this.sql.quarantineConsumer,
      values: [id],
    });
    const retried = await this.inboxOf(rows[0]?.consumer)?.retryQuarantined(id);
    if (!retried) throw new AppError('NOT_FOUND');
    return retried;
  }

  /** Also one that waits already: it is tried at once, with all attempts before it. */
  private async retryParked(id: string): Promise<RetriedRecord> {
    const { rows } = await this.options.pool.query<{ consumer: string; exchangeId: string; eventId: string }>({
      ...this.sql.retryHeld,
      values: [id],
    });
    const held = this.inboxOf(rows[0]?.consumer)?.held;
    if (!rows[0] || !held) throw new AppError('NOT_FOUND');
    await held.tryExchange(rows[0].exchangeId);
    const waiting = await held.waiting(rows[0].eventId);
    return waiting ? { result: 'waits', code: waiting.failure ?? '' } : { result: 'taken', code: '' };
  }

  private inboxOf(consumer: string | undefined): SettingAside | undefined {
    return this.options.inboxes.find((one) => one.consumer === consumer);
  }
}
