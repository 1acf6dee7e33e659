import type { PoolClient } from 'pg';
import { AuditEvent, type LoggedEntry } from '#contracts';
import type { AgencyId, Clock } from '#kernel';
import { InboxConsumer, type KafkaBatch, type Outbox, type OutboxReconciler, type OutboxRelay } from '#messaging';
import type { Database } from '#platform';
import { statusEvent } from '../register-agency/register-agency.handler.js';
import type { SnapshotFeed } from '../watch-snapshot/snapshot-feed.js';
import { bumpVersion } from './agencies-store.js';
import { SCHEMA } from './database.js';

/** Uses that an agency must have in the log before it can take part. */
const NEEDED = ['signing', 'receiving', 'client-auth'];

/** A key counts from the moment that audit says where it stands in the log; with the last needed key the agency is active. */
export class ConfirmLogged {
  private readonly inbox: InboxConsumer<AuditEvent>;

  constructor(
    database: Database,
    private readonly reconciler: OutboxReconciler,
    private readonly outbox: Outbox,
    relay: OutboxRelay,
    feed: SnapshotFeed,
    private readonly clock: Clock,
  ) {
    this.inbox = new InboxConsumer<AuditEvent>({
      pool: database.pool,
      schema: SCHEMA,
      consumer: 'confirm-logged',
      decode: (message) => AuditEvent.decode(message.value),
      // One record a batch of the appender: its place in the topic names it.
      idOf: (_body, message) => `${message.key}@${message.offset}`,
      handle: (client, messages) =>
        this.confirm(
          client,
          messages.flatMap(({ body }) => (body.event?.$case === 'logged' ? body.event.value.entries : [])),
        ),
      afterCommit: () => {
        relay.wake();
        void feed.refresh();
      },
    });
  }

  consume(batch: KafkaBatch): Promise<void> {
    return this.inbox.consumeBatch(batch);
  }

  start(): void {
    this.inbox.start();
  }

  stop(): Promise<void> {
    return this.inbox.stop();
  }

  private async confirm(client: PoolClient, entries: readonly LoggedEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await this.reconciler.markLogged(client, entries);
    const eventIds = entries.map(({ eventId }) => eventId);
    // Agencies first, in the order of their ids, as everybody locks them: else this and a revocation wait for each other.
    const { rows: concerned } = await client.query<{ id: AgencyId }>({
      name: 'lock-agencies-of-keys',
      text: `SELECT id FROM directory.agency
             WHERE id IN (SELECT agency FROM directory.agency_key WHERE event_id = ANY($1::text[]) AND leaf_index IS NULL)
             ORDER BY id FOR UPDATE`,
      values: [eventIds],
    });
    if (concerned.length === 0) return;
    await client.query({
      name: 'confirm-keys',
      text: `UPDATE directory.agency_key SET leaf_index = logged.leaf_index
             FROM unnest($1::text[], $2::bigint[]) AS logged (event_id, leaf_index)
             WHERE agency_key.event_id = logged.event_id AND agency_key.leaf_index IS NULL`,
      values: [eventIds, entries.map(({ leafIndex }) => leafIndex.toString())],
    });
    const { rows } = await client.query<{ id: AgencyId; kind: string; businessId: string }>({
      name: 'activate-agencies',
      text: `UPDATE directory.agency SET status = 'active'
             WHERE id = ANY($3::text[]) AND status = 'onboarding' AND (
               SELECT count(DISTINCT use) FROM directory.agency_key
               WHERE agency = agency.id AND leaf_index IS NOT NULL AND revoked_at IS NULL AND use = ANY($1::text[])
             ) = $2
             RETURNING id, kind, business_id AS "businessId"`,
      values: [NEEDED, NEEDED.length, concerned.map(({ id }) => id)],
    });
    await bumpVersion(client);
    await this.outbox.enqueue(
      client,
      rows.map((agency) => statusEvent(agency, 'active', this.clock.now())),
    );
  }
}
