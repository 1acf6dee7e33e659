import { Inject, Injectable } from '@nestjs/common';
import type { RegisterAgencyRequest, SetAgencyStatusRequest, SetResponsibilityRequest } from '#contracts';
import { dayInHelsinki, isDay } from '#calendar';
import { type AgencyId, AppError, type Clock, isAgencyId, isThumbprint, partyKindOf } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database } from '#platform';
import { statutoryAgencies } from '../domain/agencies.js';
import { isBusinessId } from '../infra/business-id.js';
import type { ReferenceData } from '../domain/reference-records.js';
import { type AgencyStatus, bumpVersion, lockAgency } from '../infra/agencies-store.js';
import { directoryEvent, opaqueDirectoryEvent } from '../infra/directory-event.js';
import { SnapshotFeed } from '../watch-snapshot/snapshot-feed.js';

export const REFERENCE = Symbol('ReferenceData');

/** The operator's commands. */
@Injectable()
export class RegisterAgency {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(SnapshotFeed) private readonly feed: SnapshotFeed,
    @Inject(REFERENCE) private readonly reference: ReferenceData,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * A new agency, in onboarding until its keys stand in the log. Registering the same again is harmless; another first key
   * is refused, because it was compared out of band once.
   *
   * @throws AppError MALFORMED, CONFLICT
   */
  async register(request: RegisterAgencyRequest): Promise<void> {
    const { id, businessId, firstKeyThumbprint, contact } = request;
    if (!isAgencyId(id) || !isThumbprint(firstKeyThumbprint))
      throw new AppError('MALFORMED', 'agency id or thumbprint is not one');
    if (!isBusinessId(businessId)) throw new AppError('MALFORMED', 'the business id has a wrong check digit');
    const known = statutoryAgencies(this.reference, dayInHelsinki(this.clock.now())).find((agency) => agency.id === id);
    const nameFi = request.nameFi || known?.names.fi;
    const nameSv = request.nameSv || known?.names.sv || nameFi;
    if (!nameFi || !nameSv) throw new AppError('MALFORMED', 'an agency outside the reference data needs names');
    const event = opaqueDirectoryEvent({ type: 'agency-registered', agency: id, at: this.clock.now() });
    await this.database.transaction(async (client) => {
      const { rowCount } = await client.query({
        text: `INSERT INTO directory.agency
                 (id, kind, business_id, name_fi, name_sv, status, first_key, contact, registered_at, registered_event)
               VALUES ($1, $2, $3, $4, $5, 'onboarding', $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
        values: [
          id,
          partyKindOf(id),
          businessId,
          nameFi,
          nameSv,
          firstKeyThumbprint,
          contact ?? null,
          this.clock.now(),
          event.eventId,
        ],
      });
      if (rowCount === 0) {
        const present = await lockAgency(client, id);
        if (present?.firstKey !== firstKeyThumbprint || present.businessId !== businessId)
          throw new AppError('CONFLICT');
      } else await this.outbox.enqueue(client, [event]);
      await bumpVersion(client);
    });
    this.relay.wake();
    await this.feed.refresh();
  }

  /** @throws AppError NOT_FOUND, MALFORMED */
  async setStatus({ id, status }: SetAgencyStatusRequest): Promise<void> {
    if (!isAgencyId(id)) throw new AppError('NOT_FOUND');
    if (status !== 'active' && status !== 'suspended') throw new AppError('MALFORMED', 'status is active or suspended');
    await this.database.transaction(async (client) => {
      const agency = await lockAgency(client, id);
      if (!agency) throw new AppError('NOT_FOUND');
      if (agency.status === 'onboarding') throw new AppError('CONFLICT', 'the agency has not finished onboarding');
      if (agency.status === status) return;
      const event = statusEvent(agency, status, this.clock.now());
      await client.query({
        text: 'UPDATE directory.agency SET status = $2, status_event = $3 WHERE id = $1',
        values: [id, status, event.eventId],
      });
      await bumpVersion(client);
      await this.outbox.enqueue(client, [event]);
    });
    this.relay.wake();
    await this.feed.refresh();
  }

  /** A contract row of routing; it goes before the statutory default. @throws AppError MALFORMED */
  async setResponsibility(request: SetResponsibilityRequest): Promise<void> {
    const { municipalityCode, duty, clientGroup, agency, validFrom, validTo } = request;
    const fits =
      isAgencyId(agency) &&
      this.reference.duties.some(({ code }) => code === duty) &&
      (clientGroup === '' || this.reference.clientGroups.some(({ code }) => code === clientGroup)) &&
      (municipalityCode === '' || this.reference.municipalities.some(({ code }) => code === municipalityCode)) &&
      isDay(validFrom) &&
      (validTo === '' || (isDay(validTo) && validFrom <= validTo));
    if (!fits) throw new AppError('MALFORMED');
    const event = opaqueDirectoryEvent({ type: 'responsibility-set', agency, purpose: duty, at: this.clock.now() });
    await this.database.transaction(async (client) => {
      await client.query({
        text: `INSERT INTO directory.responsibility (municipality, duty, client_group, agency, valid_from, valid_to, event_id)
               VALUES (nullif($1, ''), $2, nullif($3, ''), $4, $5, nullif($6, '')::date, $7)`,
        values: [municipalityCode, duty, clientGroup, agency, validFrom, validTo, event.eventId],
      });
      await this.outbox.enqueue(client, [event]);
    });
    this.relay.wake();
    await this.feed.refresh();
  }
}

export const statusEvent = (
  agency: { id: AgencyId; kind: string; businessId: string },
  status: Exclude<AgencyStatus, 'onboarding'>,
  at: Date,
): ReturnType<typeof directoryEvent> =>
  directoryEvent({
    type: 'agency-status',
    clear: {
      type: 'agency',
      agency: agency.id,
      kind: agency.kind,
      businessId: agency.businessId,
      status,
      at: at.toISOString(),
    },
    at,
    agency: agency.id,
  });
