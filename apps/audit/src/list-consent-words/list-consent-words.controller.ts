import { Controller, Inject, UseGuards } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ConsentWord, ListConsentWordsRequest, ListConsentWordsResponse } from '#contracts';
import { consentsNamedBy, parseLogBody } from '#envelope';
import { AppError } from '#kernel';
import { CalledBy, Database, ServiceCalls } from '#platform';
import { LeafOpenings } from '../infra/leaf-openings.js';
import { type ConsentIndexRow, consentRows, storedSize } from '../infra/log-store.js';

const maxResults = 500;

/** By which kind of statement something came to be that only its words can bring back. */
const statementOf: Readonly<Record<string, string>> = {
  'consent-recorded': 'consent',
  'consent-requested': 'consent-proposal',
  'subject-linked': 'subject-link',
  'decider-excluded': 'decider-exclusion',
};

/** What the log says about consents, in its own order: the one memory that no restored backup takes back. */
@Controller()
@UseGuards(ServiceCalls)
@CalledBy('consent')
export class ListConsentWordsController {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(LeafOpenings) private readonly openings: LeafOpenings,
  ) {}

  /**
   * Entries about consents, links and excluded deciders, and releases with each consent that they rest on. Errors: MALFORMED.
   */
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
      words: await this.wordsOf(rows, request.withStatements),
      next: BigInt(more && last ? last.leafIndex + 1 : Math.max(size, from)),
      more,
    };
  }

  private async wordsOf(rows: readonly ConsentIndexRow[], withStatements: boolean): Promise<ConsentWord[]> {
    const stated = withStatements ? rows.filter(({ type }) => Object.hasOwn(statementOf, type)) : [];
    const released = rows.filter(({ type }) => type === 'message-released');
    const [openings, evidence] = await Promise.all([
      this.openings.read([...released, ...stated].map(({ leafIndex }) => leafIndex)),
      this.openings.evidence(stated.map(({ leafIndex }) => leafIndex)),
    ]);
    return rows.flatMap((row) => {
      const opening = openings.get(row.leafIndex);
      const parsed = opening && parseLogBody(JSON.parse(opening.body));
      const body = parsed?.ok ? parsed.value : undefined;
      if (row.type === 'message-released')
        return body?.basis ? consentsNamedBy(body.basis).map((named) => wordOf(row, named)) : [];
      const kind = statementOf[row.type] ?? '';
      return [
        {
          ...wordOf(row, { id: row.consentId ?? '', version: row.consentVersion ?? 0 }),
          statementHash: body?.evidence?.[kind] ?? '',
          statement: evidence.get(row.leafIndex)?.[kind] ?? '',
        },
      ];
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
  subjects: row.subjects ?? [],
  statementHash: '',
  statement: '',
  exchangeId: row.exchangeId ?? '',
  sender: row.sender ?? '',
  recipient: row.recipient ?? '',
});
