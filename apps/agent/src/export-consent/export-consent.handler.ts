import { Inject, Injectable } from '@nestjs/common';
import {
  exportConsentJsonLd,
  partiesOf,
  readConsentJsonLd,
  readStatement,
  verifyConsentJsonLd,
  verifyStatement,
} from '#envelope';
import { AppError, type Clock, type ConsentId, type Result } from '#kernel';
import { CLOCK, Database } from '#platform';
import { LogFollower } from '../follow-log/log-follower.js';
import { ConsentStore } from '../infra/consent-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import type { ExportedConsentDto, ExportQuery, ImportConsentDto, ImportedConsentDto } from './export-consent.dto.js';

/** Consents as files: a record as its collector signed it, which anybody can verify who has the collector's key. */
@Injectable()
export class ExportConsent {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ConsentStore) private readonly consents: ConsentStore,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError NOT_FOUND */
  async export(agency: ServedAgency, id: ConsentId, { format }: ExportQuery): Promise<ExportedConsentDto> {
    const kept = await this.consents.find(agency.id, id);
    if (!kept) throw new AppError('NOT_FOUND');
    return format === 'jws' ? { token: kept.token } : { document: taken(exportConsentJsonLd(kept.token)) };
  }

  /**
   * Takes an exported consent, verified by a key of the log that was good when it was collected. It is kept where this agency
   * is a party.
   *
   * @throws AppError MALFORMED, HASH_MISMATCH (terms beside what was signed), KEY_NOT_LOGGED, SIGNATURE_INVALID
   */
  async import(agency: ServedAgency, { token, document }: ImportConsentDto): Promise<ImportedConsentDto> {
    if ((token === undefined) === (document === undefined))
      throw new AppError('MALFORMED', 'send the token or the document', { members: ['token', 'document'] });
    const read = document === undefined ? readToken(token ?? '') : taken(readConsentJsonLd(document));
    const { collectingAgency, collectedAt } = read.record;
    const key = taken(await this.log.keys.signingKey(collectingAgency, read.kid, new Date(collectedAt)));
    const record = taken(
      document === undefined
        ? await verifyStatement('consent', read.token, key)
        : await verifyConsentJsonLd(document, key),
    );
    const isParty = partiesOf(record).includes(agency.id);
    if (isParty)
      await this.consents.add(this.database, agency.id, {
        record,
        token: read.token,
        state: 'recorded',
        at: this.clock.now(),
      });
    return { consentId: record.id, version: record.version, collectingAgency, kept: isParty };
  }
}

function readToken(token: string) {
  const { kid, payload } = taken(readStatement('consent', token));
  return { token, kid, record: payload };
}

function taken<T>(result: Result<T>): T {
  if (!result.ok) throw result.error;
  return result.value;
}
