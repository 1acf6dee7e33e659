import { Inject, Injectable } from '@nestjs/common';
import type { Checkpoint, TreeHead } from '#merkle';
import { Database } from '#platform';

export interface CosignedHead {
  readonly size: number;
  readonly root: Buffer;
  readonly note: string;
  readonly cosignedAt: Date;
}

/** What this process has cosigned as a witness: for each log the largest head. */
@Injectable()
export class WitnessStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  async latest(origin: string): Promise<CosignedHead | undefined> {
    const { rows } = await this.database.query<{ size: string; root: Buffer; note: string; cosigned_at: Date }>({
      name: 'witness-latest',
      text: 'SELECT size, root, note, cosigned_at FROM cosigned_heads WHERE origin = $1',
      values: [origin],
    });
    const [row] = rows;
    return row && { size: Number(row.size), root: row.root, note: row.note, cosignedAt: row.cosigned_at };
  }

  /** What was cosigned before this database was made, or set back. The one that it has must be a smaller one. */
  async takeUp({ origin, size, root, note }: Pick<Checkpoint, keyof TreeHead | 'note'>): Promise<void> {
    await this.database.query({
      name: 'witness-take-up',
      text: `INSERT INTO cosigned_heads (origin, size, root, note, cosigned_at) VALUES ($1, $2, $3, $4, now())
             ON CONFLICT (origin) DO UPDATE SET size = $2, root = $3, note = $4, cosigned_at = now()`,
      values: [origin, size, root, note],
    });
  }

  /**
   * Moves on from one head to the next: compared and set in one statement, durable when it resolves, so that of two requests
   * from one head one alone is answered with a cosignature.
   *
   * @param from head that was cosigned last; of size 0 where none was
   * @returns false when another head has been cosigned meanwhile
   */
  async advance(from: TreeHead, { origin, size, root, note }: Checkpoint, at: Date): Promise<boolean> {
    const { rowCount } = await this.database.query({
      name: 'witness-advance',
      text: `INSERT INTO cosigned_heads AS held (origin, size, root, note, cosigned_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (origin) DO UPDATE SET size = $2, root = $3, note = $4, cosigned_at = $5
             WHERE held.size = $6 AND held.root = $7`,
      values: [origin, size, root, note, at, from.size, from.root],
    });
    return rowCount === 1;
  }
}
