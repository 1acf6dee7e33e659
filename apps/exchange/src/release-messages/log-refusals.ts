import type { SignedReleaseRequest } from '#envelope';
import type { AgencyId, Clock, ErrorCode, ExchangeId, Sha256 } from '#kernel';
import type { Database, Queryable } from '#platform';
import { ExchangeLedger, type LedgerParts } from '../infra/exchange-ledger.js';

/** An entry's body names so many pieces of evidence at most. */
const REQUESTS_OF_ONE_ENTRY = 16;

/** A release request that does not get as far as audit. */
export interface RefusedRelease {
  readonly code: ErrorCode;
  /** As it came. */
  readonly token: string;
  /** Where it was the caller's own and fresh. */
  readonly request: SignedReleaseRequest | undefined;
}

/** That a release was refused is logged, whoever refuses it: by audit in its own entry, before audit by exchange's outbox. */
export class LogRefusals {
  constructor(
    private readonly database: Database,
    private readonly ledger: LedgerParts,
    private readonly clock: Clock,
    private readonly afterCommit: () => void,
  ) {}

  /**
   * About a message in the caller's mailbox an entry each, numbered in its exchange. Of the others the caller has no mail, or the
   * request proves nothing: their entries name who asked, why not and the requests by their hashes, and nobody's message.
   */
  async log(agency: AgencyId, refused: readonly RefusedRelease[]): Promise<void> {
    if (refused.length === 0) return;
    const hashes = refused.flatMap(({ request }) => request?.manifestHash ?? []);
    const places = hashes.length === 0 ? [] : await messagesFor(this.database, hashes, agency);
    await this.database.transaction(async (client) => {
      const exchanges = places.map(({ exchange_id }) => exchange_id);
      const ledger = await ExchangeLedger.lock(client, this.ledger, exchanges, this.clock.now());
      await ledger.load(places.map(({ manifest_hash }) => manifest_hash));
      const others = new Map<ErrorCode, string[]>();
      for (const { code, token, request } of refused) {
        const message = request && ledger.message(request.manifestHash);
        if (message) {
          const fact = ledger.record('message-release-refused', message, { code });
          fact.actorAgency = agency;
          fact.actorWorker = request.worker;
          fact.evidence.push({ kind: 'release-request', token });
        } else others.set(code, [...(others.get(code) ?? []), token]);
      }
      for (const [code, tokens] of others)
        for (const some of inParts(tokens))
          ledger.recordBare({
            type: 'message-release-refused',
            code,
            actorAgency: agency,
            evidence: some
              .filter((token) => token !== '')
              .map((token, at) => ({ kind: `release-request-${at + 1}`, token })),
          });
      await ledger.flush();
    });
    this.afterCommit();
  }
}

/** Messages that came to this agency, in whatever state. */
export async function messagesFor(
  client: Queryable,
  hashes: readonly Sha256[],
  agency: AgencyId,
): Promise<readonly { readonly manifest_hash: Sha256; readonly exchange_id: ExchangeId }[]> {
  const { rows } = await client.query<{ manifest_hash: Sha256; exchange_id: ExchangeId }>({
    name: 'exchange.releasable',
    text: `SELECT manifest_hash, exchange_id FROM exchange.messages
           WHERE manifest_hash = ANY($1::text[]) AND recipient = $2 AND state <> 'rejected'`,
    values: [hashes, agency],
  });
  return rows;
}

const inParts = (tokens: readonly string[]): string[][] =>
  Array.from({ length: Math.ceil(tokens.length / REQUESTS_OF_ONE_ENTRY) }, (_, part) =>
    tokens.slice(part * REQUESTS_OF_ONE_ENTRY, (part + 1) * REQUESTS_OF_ONE_ENTRY),
  );
