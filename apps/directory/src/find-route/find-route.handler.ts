import { Inject, Injectable } from '@nestjs/common';
import { isDay } from '#calendar';
import { findCategory } from '#catalogue';
import type { RouteRequest, RouteResponse } from '#contracts';
import { type AgencyId, AppError } from '#kernel';
import { Database } from '#platform';
import { statutoryAgencies } from '../domain/agencies.js';
import type { ReferenceData } from '../domain/reference-records.js';
import { type Responsibility, route } from '../domain/routing.js';
import { REFERENCE } from '../register-agency/register-agency.handler.js';
import { SnapshotFeed } from '../watch-snapshot/snapshot-feed.js';

@Injectable()
export class FindRoute {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(REFERENCE) private readonly reference: ReferenceData,
    @Inject(SnapshotFeed) private readonly feed: SnapshotFeed,
  ) {}

  /**
   * Who answers for a matter, by rule instead of by knowing a name. With a category and no duty, the category's duty.
   *
   * @throws AppError MALFORMED
   */
  async find(request: RouteRequest): Promise<RouteResponse> {
    const { day } = request;
    if (!isDay(day)) throw new AppError('MALFORMED', 'day is no date');
    const category =
      request.category === 0 ? undefined : findCategory(this.reference.catalogue.categories, request.category, day);
    const duty = request.duty || category?.duty;
    if (duty === undefined) throw new AppError('MALFORMED', 'neither a duty nor a known category is named');
    const found = route(
      { reference: this.reference, responsibilities: await this.responsibilities(), contacts: [] },
      { municipality: request.municipalityCode || null, duty, clientGroup: request.clientGroup || null, day },
    );
    const nothing = { agency: '', nameFi: '', nameSv: '', rule: '', contact: undefined, onboarded: false };
    if (!found.answers) return { ...nothing, rule: found.reason, advice: found.advice.en };
    const onboarded = this.feed.current?.agencies.find(({ id }) => id === found.agency);
    const names = statutoryAgencies(this.reference, day).find(({ id }) => id === found.agency)?.names;
    return {
      agency: found.agency,
      nameFi: onboarded?.nameFi ?? names?.fi ?? found.agency,
      nameSv: onboarded?.nameSv ?? names?.sv ?? found.agency,
      rule: found.rule.code,
      advice: found.askFirst === null ? '' : `Ask this agency for category ${found.askFirst} first.`,
      contact: onboarded?.contact,
      onboarded: onboarded?.status === 'active',
    };
  }

  private async responsibilities(): Promise<Responsibility[]> {
    const { rows } = await this.database.query<{
      municipality: string | null;
      duty: string;
      clientGroup: string | null;
      agency: AgencyId;
      validFrom: string;
      validTo: string | null;
    }>({
      name: 'read-responsibilities',
      text: `SELECT municipality, duty, client_group AS "clientGroup", agency,
                    valid_from::text AS "validFrom", valid_to::text AS "validTo" FROM directory.responsibility ORDER BY id DESC`,
    });
    return rows;
  }
}
