import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ConsentWord, ListConsentWordsRequest, ListConsentWordsResponse } from '#contracts';
import { consentsNamedBy, parseLogBody } from '#envelope';
import { AppError } from '#kernel';
import { Database } from '#platform';
import { LeafOpenings } from '../infra/leaf-openings.js';
import { type ConsentIndexRow, consentRows, storedSize } from '../infra/log-store.js';

const maxResults = 500;

/** What the log says about consents, in its own order: the one memory that no restored backup takes back. */
@Controller()
export class ListConsentWordsController {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(LeafOpenings) private readonly openings: LeafOpenings,
  ) {}

  /** Entries about consents, and releases with each consent that they rest on. Errors: MALFORMED. */
  @GrpcMethod('AuditService', 'listConsentWords')
  async listConsentWords(request: ListConsentWordsRequest): Promise<ListConsentWordsResponse> {
    const from = Number(request.from);
    if (!Number.isSafeInteger(from) || from < 0) throw new AppError('MALFORMED');
    const limit = Math.min(Math.max(request.limit || maxResults, 1), maxResults);
    // Before the rows: what is appended meanwhile is for the next call.
    const size = await storedSize(this.database);
    const rows = await consentRows(this.database, { from, until: size, limit });
    const last = rows.at(-1);
    const more = rows.length === limit && last !== undefined && last.leafIndex + 1 < size;
    return {
      words: await this.wordsOf(rows),
      next: BigInt(more && last ? last.leafIndex + 1 : Math.max(size, from)),
      more,
    };
  }

  private async wordsOf(rows: readonly ConsentIndexRow[]): Promise<ConsentWord[]> {
    const released = rows.filter(({ consentId }) => consentId === null).map(({ leafIndex }) => leafIndex);
    const bodies = await this.openings.read(released);
    return rows.flatMap((row) => {
      const { consentId, consentVersion } = row;
      if (consentId !== null) return [wordOf(row, { id: consentId, version: consentVersion ?? 0 })];
      const opening = bodies.get(row.leafIndex);
      const body = opening && parseLogBody(JSON.parse(opening.body));
      return body?.ok && body.value.basis ? consentsNamedBy(body.value.basis).map((named) => wordOf(row, named)) : [];
    });
  }
}

const wordOf = (row: ConsentIndexRow, consent: { readonly id: string; readonly version: number }): ConsentWord => ({
  leafIndex: BigInt(row.leafIndex),
  eventId: row.eventId,
  type: row.type,
  at: row.at,
  consentId: consent.id,
  consentVersion: consent.version,
  subject: row.subjects?.[0] ?? '',
  exchangeId: row.exchangeId ?? '',
  sender: row.sender ?? '',
  recipient: row.recipient ?? '',
});
