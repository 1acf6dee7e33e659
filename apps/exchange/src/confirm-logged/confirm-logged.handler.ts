import { type Logged, type LoggedEntry, topics } from '#contracts';
import { type Outcome, type Receipt, signStatement } from '#envelope';
import type { AgencyId, Clock } from '#kernel';
import type { OutboxReconciler, Queryable } from '#messaging';
import { ExchangeLedger, type LedgerParts } from '../infra/exchange-ledger.js';

interface Awaited {
  readonly event_id: string;
  readonly agency: AgencyId;
  readonly outcome: Outcome;
}

interface ArrivedReceipt {
  readonly eventId: string;
  readonly receipt: Receipt;
}

/**
 * What audit has logged: outbox rows are done, messages learn their leaf, and the notices that waited for the receipt are
 * signed and put into the senders' mailboxes. "Accepted" means that the sender holds the receipt.
 */
export class ConfirmLogged {
  constructor(
    private readonly parts: LedgerParts,
    private readonly reconciler: OutboxReconciler,
    private readonly clock: Clock,
  ) {}

  /**
   * Before all else in a transaction that confirms: no refusal at the edge is told of meanwhile. Receipt and refusal come by
   * two topics, and each, committed in the same moment, would wait for the other for ever. First, because the exchanges and
   * mailboxes that are locked later are locked under it there too.
   */
  async begin(client: Queryable): Promise<void> {
    await client.query({
      name: 'exchange.confirming',
      text: `SELECT pg_advisory_xact_lock_shared(hashtext('exchange.early_receipts'))`,
    });
  }

  async confirm(client: Queryable, batches: readonly Logged[]): Promise<void> {
    const entries = batches.flatMap((batch) => batch.entries.filter(concernsExchange));
    if (entries.length === 0) return;
    await this.reconciler.markLogged(client, entries);
    const arrived = batches.flatMap(({ entries: logged, checkpoint }) =>
      logged.flatMap((entry) => receiptOf(entry, checkpoint) ?? []),
    );
    const { rows } = await client.query<Awaited>({
      name: 'exchange.leaves-and-awaited',
      text: `WITH leaves AS (
               INSERT INTO exchange.message_leaves (manifest_hash, leaf_index)
               SELECT manifest_hash, leaf_index FROM unnest($1::text[], $2::bigint[]) AS given (event_id, leaf_index)
               JOIN exchange.messages ON accepted_event = event_id
               ON CONFLICT DO NOTHING
             )
             DELETE FROM exchange.awaited_receipts WHERE event_id = ANY($3::text[])
             RETURNING event_id, agency, outcome`,
      values: [
        entries.map(({ eventId }) => eventId),
        entries.map(({ leafIndex }) => leafIndex.toString()),
        arrived.map(({ eventId }) => eventId),
      ],
    });
    await this.giveNotices(client, arrived, rows);
  }

  /** A refusal at the edge, told by the gateway: its notice waits for the receipt, or takes the one that came first. */
  async await(client: Queryable, awaited: readonly Awaited[]): Promise<void> {
    await client.query({
      name: 'exchange.telling-refusals',
      text: `SELECT pg_advisory_xact_lock(hashtext('exchange.early_receipts'))`,
    });
    const { rows } = await client.query<{ event_id: string; receipt: Receipt }>({
      name: 'exchange.take-early-receipts',
      text: `DELETE FROM exchange.early_receipts WHERE event_id = ANY($1::text[]) RETURNING event_id, receipt`,
      values: [awaited.map(({ event_id }) => event_id)],
    });
    const early = new Map(rows.map(({ event_id, receipt }) => [event_id, receipt]));
    const waiting = awaited.filter(({ event_id }) => !early.has(event_id));
    if (waiting.length > 0)
      await client.query({
        name: 'exchange.await-edge-receipts',
        text: `INSERT INTO exchange.awaited_receipts (event_id, agency, outcome)
               SELECT event_id, agency, outcome::jsonb FROM unnest($1::text[], $2::text[], $3::text[])
                 AS given (event_id, agency, outcome)
               ON CONFLICT DO NOTHING`,
        values: [
          waiting.map(({ event_id }) => event_id),
          waiting.map(({ agency }) => agency),
          waiting.map(({ outcome }) => JSON.stringify(outcome)),
        ],
      });
    await this.put(
      client,
      awaited.flatMap((one) => {
        const receipt = early.get(one.event_id);
        return receipt ? [{ ...one, receipt }] : [];
      }),
    );
  }

  private async giveNotices(
    client: Queryable,
    arrived: readonly ArrivedReceipt[],
    rows: readonly Awaited[],
  ): Promise<void> {
    const awaited = new Map(rows.map((row) => [row.event_id, row]));
    const given = arrived.flatMap(({ eventId, receipt }) => {
      const one = awaited.get(eventId);
      return one ? [{ ...one, receipt }] : [];
    });
    await this.put(client, given);
    // Only the gateway's refusals can be logged before this service has heard of them.
    const early = arrived.filter(({ eventId }) => !awaited.has(eventId));
    if (early.length > 0)
      await client.query({
        name: 'exchange.keep-early-receipts',
        text: `INSERT INTO exchange.early_receipts (event_id, receipt)
               SELECT event_id, receipt::jsonb FROM unnest($1::text[], $2::text[]) AS given (event_id, receipt)
               ON CONFLICT DO NOTHING`,
        values: [early.map(({ eventId }) => eventId), early.map(({ receipt }) => JSON.stringify(receipt))],
      });
  }

  private async put(client: Queryable, given: readonly (Awaited & { readonly receipt: Receipt })[]): Promise<void> {
    if (given.length === 0) return;
    const notices = await Promise.all(
      given.map(({ outcome, receipt }) => signStatement('outcome', { ...outcome, receipt }, this.parts.outcomeKey)),
    );
    const ledger = await ExchangeLedger.lock(client, this.parts, [], this.clock.now());
    given.forEach(({ agency }, index) => ledger.putNotice(agency, notices[index]!));
    await ledger.flush();
  }
}

/** Its own events, and the refusals at the edge that it tells of. Of an entry that says no topic, anything may be so. */
export const concernsExchange = ({ topic }: LoggedEntry): boolean =>
  topic === '' || topic === topics.exchangeEvents || topic === topics.gatewayRefusals;

function receiptOf({ eventId, leafIndex, receipt }: LoggedEntry, checkpoint: string): ArrivedReceipt | undefined {
  if (!receipt) return undefined;
  return {
    eventId,
    receipt: {
      leafIndex: Number(leafIndex),
      inclusionProof: receipt.inclusionProof.map((hash) => Buffer.from(hash).toString('base64')),
      checkpoint: receipt.checkpoint || checkpoint,
      ...(receipt.places.length > 0 && { places: Buffer.from(receipt.places).toString('base64url') }),
      ...(receipt.opening && { opening: receipt.opening }),
    },
  };
}
