import type { AuditServiceClient } from '#contracts';
import type { Database, GrpcClient } from '#platform';
import type { ConfirmLogged } from './confirm-logged.handler.js';

export interface AskForReceiptsParts {
  readonly database: Database;
  readonly audit: Pick<GrpcClient<AuditServiceClient>, 'findReceipts'>;
  readonly confirm: ConfirmLogged;
  readonly afterCommit: () => void;
  /** Receipts awaited for less than this are left for later. Default 60 000 ms. */
  readonly leastAgeMs?: number;
  /** Receipts of one call. Default 200. */
  readonly pageSize?: number;
}

const PAGES_OF_ROUND = 20;

interface OwedRow {
  readonly event_id: string;
  readonly agency: string;
}

/**
 * Receipts that senders wait for too long: `Logged` was lost, or brought none. Audit is asked for them, and they go the way of
 * those that come by Kafka; who was told meanwhile is not told twice. What has no leaf yet is passed over and asked for again
 * when the pass begins anew.
 */
export class AskForReceipts {
  private after = '';

  constructor(private readonly parts: AskForReceiptsParts) {}

  /** Returns how many were told. */
  async round(): Promise<number> {
    const { pageSize = 200 } = this.parts;
    let told = 0;
    for (let page = 0; page < PAGES_OF_ROUND; page += 1) {
      const rows = await this.awaited(pageSize);
      if (rows.length > 0) told += await this.tell(rows);
      this.after = rows.length === pageSize ? rows.at(-1)!.event_id : '';
      if (this.after === '') break;
    }
    return told;
  }

  private async tell(rows: readonly OwedRow[]): Promise<number> {
    const { audit, confirm, database, afterCommit } = this.parts;
    const owed = rows.map(({ event_id, agency }) => ({ eventId: event_id, receiptFor: agency }));
    const { found, checkpoint } = await audit.findReceipts({ owed });
    if (found.length === 0) return 0;
    const told = await database.transaction(async (client) => {
      await confirm.begin(client);
      const still = await client.query<{ event_id: string }>({
        name: 'exchange.still-awaited-receipts',
        text: `SELECT event_id FROM exchange.awaited_receipts WHERE event_id = ANY ($1::text[]) ORDER BY event_id FOR UPDATE`,
        values: [found.map(({ eventId }) => eventId)],
      });
      const awaited = new Set(still.rows.map(({ event_id }) => event_id));
      const entries = found.filter(({ eventId }) => awaited.has(eventId));
      await confirm.confirm(client, [{ entries, checkpoint }]);
      return entries.length;
    });
    afterCommit();
    return told;
  }

  private async awaited(limit: number): Promise<OwedRow[]> {
    const { database, leastAgeMs = 60_000 } = this.parts;
    const { rows } = await database.query<OwedRow>({
      name: 'exchange.awaited-too-long',
      text: `SELECT event_id, agency FROM exchange.awaited_receipts
             WHERE event_id > $1 AND since < clock_timestamp() - $2::float8 * interval '1 millisecond'
             ORDER BY event_id LIMIT $3`,
      values: [this.after, leastAgeMs, limit],
    });
    return rows;
  }
}
