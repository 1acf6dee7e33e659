import { Inject, Injectable } from '@nestjs/common';
import type { Checkpoint } from '#merkle';
import { Database } from '#platform';

export interface WitnessedHead {
  readonly size: number;
  readonly note: string;
  readonly seenAt: Date;
}

/** How far cosignatures cover the receipts that this agent relies on. */
@Injectable()
export class WitnessedStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  async head(): Promise<WitnessedHead | undefined> {
    const { rows } = await this.database.query<{ size: string; note: string; seen_at: Date }>({
      text: 'SELECT size, note, seen_at FROM witnessed_head',
    });
    const [row] = rows;
    return row && { size: Number(row.size), note: row.note, seenAt: row.seen_at };
  }

  /** A larger witnessed checkpoint; what it covers waits no longer. */
  async cover({ size, note }: Checkpoint, at: Date): Promise<void> {
    await this.database.query({
      name: 'witnessed-cover',
      text: `WITH covered AS (DELETE FROM unwitnessed_sizes WHERE size <= $1)
             INSERT INTO witnessed_head AS held (size, note, seen_at) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET size = $1, note = $2, seen_at = $3 WHERE held.size < $1`,
      values: [size, note, at],
    });
  }

  /** A receipt's checkpoint waits for witnesses since then. */
  async await(size: number, since: Date): Promise<void> {
    await this.database.query({
      name: 'witnessed-await',
      text: 'INSERT INTO unwitnessed_sizes (size, since) VALUES ($1, $2) ON CONFLICT DO NOTHING',
      values: [size, since],
    });
  }

  /** Takes what has waited since before then out of the list. Returns the largest size of it. */
  async takeOverdue(before: Date): Promise<number | undefined> {
    const { rows } = await this.database.query<{ size: string }>({
      name: 'witnessed-overdue',
      text: 'DELETE FROM unwitnessed_sizes WHERE since <= $1 RETURNING size',
      values: [before],
    });
    return rows.length === 0 ? undefined : Math.max(...rows.map(({ size }) => Number(size)));
  }
}
