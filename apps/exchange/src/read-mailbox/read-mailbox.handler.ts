import type { MailboxItem, ReadMailboxResponse } from '#contracts';
import type { AgencyId, Clock, ExchangeId, Sha256 } from '#kernel';
import type { Queryable } from '#messaging';
import type { Database } from '#platform';
import { ExchangeLedger, type LedgerParts } from '../infra/exchange-ledger.js';

export const MAX_ITEMS = 64;
/** Room that one answer may take, well below the limit of a gRPC message. */
const MAX_BYTES = 6 * 1024 * 1024;

interface ItemSql {
  readonly number: string;
  readonly notice: string | null;
  readonly manifest: string | null;
  readonly outer_token: string | null;
}

interface MailboxSql {
  readonly head: string;
  readonly acknowledged: string;
  /** Of an item; null where there is none after the position. */
  readonly number: string | null;
  readonly notice: string | null;
  readonly manifest: string | null;
  readonly outer_token: string | null;
}

const isItem = (row: MailboxSql): row is MailboxSql & ItemSql => row.number !== null;

/** What an agency's agent polls: the items after a position, which acknowledges all up to it. */
export class ReadMailbox {
  constructor(
    private readonly database: Database,
    private readonly parts: LedgerParts,
    private readonly clock: Clock,
    private readonly afterCommit: () => void,
  ) {}

  async read(agency: AgencyId, after: bigint, limit: number): Promise<ReadMailboxResponse> {
    const rows = await this.mailbox(agency, after, Math.min(limit || MAX_ITEMS, MAX_ITEMS));
    const [mailbox] = rows;
    if (!mailbox) return { items: [], head: 0n };
    if (after > BigInt(mailbox.acknowledged)) await this.acknowledge(agency, after);
    return { items: withinBytes(rows.filter(isItem)).map(itemOf), head: BigInt(mailbox.head) };
  }

  /** Mailbox and items by one look. Messages whose ciphertext is gone are passed over: a notice behind them has said why. */
  private async mailbox(agency: AgencyId, after: bigint, limit: number): Promise<readonly MailboxSql[]> {
    const { rows } = await this.database.query<MailboxSql>({
      name: 'exchange.mailbox',
      text: `SELECT head, acknowledged, number, notice, manifest, outer_token
             FROM exchange.mailboxes LEFT JOIN LATERAL (
               SELECT number, notice, manifest, outer_token
               FROM exchange.mailbox_items
               LEFT JOIN exchange.messages USING (manifest_hash)
               LEFT JOIN exchange.message_bodies USING (manifest_hash)
               WHERE mailbox_items.agency = $1 AND number > $2
                 AND (notice IS NOT NULL
                      OR (outer_token IS NOT NULL AND state IN ('available', 'delivered', 'released')))
               ORDER BY number LIMIT $3
             ) AS items ON true
             WHERE mailboxes.agency = $1
             ORDER BY number`,
      values: [agency, after.toString(), limit],
    });
    return rows;
  }

  private async acknowledge(agency: AgencyId, upTo: bigint): Promise<void> {
    const arrived = await this.unacknowledged(this.database, agency, upTo);
    if (arrived.length === 0) return moveAcknowledged(this.database, agency, upTo);
    await this.database.transaction(async (client) => {
      const ledger = await ExchangeLedger.lock(
        client,
        this.parts,
        arrived.map(({ exchange_id }) => exchange_id),
        this.clock.now(),
      );
      await ledger.load(arrived.map(({ manifest_hash }) => manifest_hash));
      for (const { manifest_hash } of arrived) {
        const message = ledger.message(manifest_hash);
        if (message?.state !== 'available') continue;
        ledger.move(message, 'acknowledge');
        ledger.record('message-delivered', message);
      }
      await ledger.flush();
      await moveAcknowledged(client, agency, upTo);
    });
    this.afterCommit();
  }

  private async unacknowledged(
    database: Queryable,
    agency: AgencyId,
    upTo: bigint,
  ): Promise<readonly { readonly manifest_hash: Sha256; readonly exchange_id: ExchangeId }[]> {
    const { rows } = await database.query<{ manifest_hash: Sha256; exchange_id: ExchangeId }>({
      name: 'exchange.unacknowledged',
      text: `SELECT manifest_hash, messages.exchange_id
             FROM exchange.mailbox_items JOIN exchange.messages USING (manifest_hash)
             WHERE agency = $1 AND number <= $2
               AND number > (SELECT acknowledged FROM exchange.mailboxes WHERE agency = $1)
               AND state = 'available'
             ORDER BY number`,
      values: [agency, upTo.toString()],
    });
    return rows;
  }
}

/** An agent that names a position beyond the mailbox's end acknowledges what is there and nothing to come. */
async function moveAcknowledged(client: Queryable, agency: AgencyId, upTo: bigint): Promise<void> {
  await client.query({
    name: 'exchange.acknowledge',
    text: `UPDATE exchange.mailboxes SET acknowledged = greatest(acknowledged, least($2, head)) WHERE agency = $1`,
    values: [agency, upTo.toString()],
  });
}

function withinBytes(rows: readonly ItemSql[]): readonly ItemSql[] {
  let bytes = 0;
  const end = rows.findIndex(({ notice, manifest, outer_token }) => {
    bytes += (notice?.length ?? 0) + (manifest?.length ?? 0) + (outer_token?.length ?? 0);
    return bytes > MAX_BYTES;
  });
  // At least one, or the mailbox would stand still.
  return end < 0 ? rows : rows.slice(0, Math.max(1, end));
}

function itemOf({ number, notice, manifest, outer_token }: ItemSql): MailboxItem {
  if (notice !== null) return { number: BigInt(number), item: { $case: 'notice', value: notice } };
  return {
    number: BigInt(number),
    item: { $case: 'message', value: { manifest: manifest ?? '', outer: outer_token ?? '' } },
  };
}
