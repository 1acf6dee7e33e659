import { Inject, Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { LoggedEntry } from '#contracts';
import type { AgencyId, Clock } from '#kernel';
import { Outbox } from '#messaging';
import { CLOCK } from '#platform';
import { bumpVersion } from '../infra/agencies-store.js';
import { statusEvent } from '../register-agency/register-agency.handler.js';

/** Uses that an agency must have in the log before it can take part. */
const NEEDED = ['signing', 'receiving', 'client-auth'];

/** A key counts from the moment that audit says where it stands in the log; with the last needed key the agency is active. */
@Injectable()
export class ConfirmKeys {
  constructor(
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** In the transaction in which the events are marked as logged. */
  async confirm(client: PoolClient, entries: readonly LoggedEntry[]): Promise<void> {
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
    // An earlier key ends as its successor says, and not before that one counts.
    await client.query({
      name: 'end-superseded-keys',
      text: `UPDATE directory.agency_key AS earlier SET not_after = later.superseded_from
             FROM directory.agency_key AS later
             WHERE later.event_id = ANY($1::text[]) AND later.leaf_index IS NOT NULL AND earlier.agency = later.agency
               AND earlier.kid = later.supersedes AND earlier.use = later.use AND earlier.not_after > later.superseded_from`,
      values: [eventIds],
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
    if (rows.length === 0) return;
    const events = rows.map((agency) => statusEvent(agency, 'active', this.clock.now()));
    await client.query({
      name: 'name-status-events',
      text: `UPDATE directory.agency SET status_event = given.event_id
             FROM unnest($1::text[], $2::text[]) AS given (id, event_id) WHERE agency.id = given.id`,
      values: [rows.map(({ id }) => id), events.map(({ eventId }) => eventId)],
    });
    await this.outbox.enqueue(client, events);
  }
}
