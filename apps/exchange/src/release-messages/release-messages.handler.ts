import {
  type AuditServiceClient,
  type AuditServiceReleaseItem,
  type ConsentServiceClient,
  ExchangeEvent,
  type LogRecord,
  type PermitResult,
  type ReleaseItem,
  type ReleaseResult,
} from '#contracts';
import type { SignedReleaseRequest } from '#envelope';
import { type AgencyId, AppError, type Clock, type Result, type Sha256, err, ok, unwrap } from '#kernel';
import { isTransient } from '#messaging';
import type { Database, DirectoryView, GrpcClient } from '#platform';
import { isUnopened } from '../domain/message-state.js';
import { ExchangeLedger, type LedgerParts } from '../infra/exchange-ledger.js';
import type { MessageRow } from '../infra/rows.js';
import { checkReleaseItem } from './check-release-requests.js';
import { type LogRefusals, messagesFor } from './log-refusals.js';
import type { ReleaseOutcome, SettleReleases } from './settle-releases.js';

/**
 * As long as a permit can live (10 s and skew) and the calls can take, with room: before that, nothing else may end the
 * message, because audit could still release it.
 */
const RELEASE_LEASE_MS = 30_000;

/** A message that may be asked of consent and audit. */
interface Releasable {
  readonly request: SignedReleaseRequest;
  readonly item: ReleaseItem;
  readonly message: MessageRow;
  readonly capsule: string;
  readonly accepted: LogRecord | undefined;
}

/** With what consent says. */
interface Decided {
  readonly one: Releasable;
  readonly permit: PermitResult;
}

type Checked = Result<{ readonly request: SignedReleaseRequest; readonly item: ReleaseItem }>;

/** From the recipient's signed wish to the one-time key (design 1, step 5): exchange → consent → audit, in batches. */
export class ReleaseMessages {
  constructor(
    private readonly parts: {
      readonly database: Database;
      readonly ledger: LedgerParts;
      readonly directory: DirectoryView;
      readonly consent: GrpcClient<ConsentServiceClient>;
      readonly audit: GrpcClient<AuditServiceClient>;
      readonly settle: SettleReleases;
      readonly refusals: LogRefusals;
      readonly clock: Clock;
      readonly afterCommit: () => void;
    },
  ) {}

  /**
   * Results in the order of the items.
   *
   * @throws AppError UNAVAILABLE, TIMEOUT, DIRECTORY_STALE when a part is down: nothing was released, or the same request
   * (same jti) brings the same release again
   */
  async release(agency: AgencyId, items: readonly ReleaseItem[]): Promise<ReleaseResult[]> {
    const { directory, clock } = this.parts;
    unwrap(directory.fresh());
    const checked = await Promise.all(
      items.map(async (item): Promise<Checked> => {
        const request = await checkReleaseItem(agency, item, directory, clock);
        return request.ok ? ok({ request: request.value, item }) : request;
      }),
    );
    const found = await this.beginReleases(agency, checked);
    const permits = await this.permits(found.flatMap((one) => (one.ok ? [one.value] : [])));
    let next = 0;
    const decided = found.map((one): Result<Decided> => {
      if (!one.ok) return one;
      const permit = permits[next++]!;
      return permit.ok ? ok({ one: one.value, permit: permit.value }) : permit;
    });
    // Audit logs what it refuses itself. What does not get as far is in the outbox for the log before it is answered.
    await this.parts.refusals.log(
      agency,
      decided.flatMap((one, index) =>
        one.ok ? [] : [{ code: one.error.code, token: items[index]!.releaseRequest, request: valueOf(checked[index]) }],
      ),
    );
    const answers = await this.askAudit(decided.flatMap((one) => (one.ok ? [one.value] : [])));
    next = 0;
    return decided.map((one) => (one.ok ? answers[next++]! : refusedBy(one.error)));
  }

  /** Finds the messages, takes undelivered ones as delivered, and holds off whatever else could end them meanwhile. */
  private async beginReleases(agency: AgencyId, checked: readonly Checked[]): Promise<Result<Releasable>[]> {
    const { database, ledger: parts, clock } = this.parts;
    const wanted = [...new Set(checked.flatMap((one) => (one.ok ? [one.value.request.manifestHash] : [])))];
    if (wanted.length === 0) return checked.map((one) => (one.ok ? err(new AppError('NOT_IN_MAILBOX')) : one));
    const places = await messagesFor(database, wanted, agency);
    const now = clock.now();
    const { rows, bodies } = await database.transaction(async (client) => {
      const ledger = await ExchangeLedger.lock(
        client,
        parts,
        places.map(({ exchange_id }) => exchange_id),
        now,
      );
      await ledger.load(places.map(({ manifest_hash }) => manifest_hash));
      const messages = places.flatMap(({ manifest_hash }) => ledger.message(manifest_hash) ?? []);
      for (const message of messages) {
        if (!isUnopened(message.state)) continue;
        if (message.state === 'available') {
          ledger.move(message, 'acknowledge');
          ledger.record('message-delivered', message);
        }
        message.releasingUntil = new Date(now.getTime() + RELEASE_LEASE_MS);
        ledger.changed(message);
      }
      await ledger.flush();
      const unlogged = messages.map(({ leafIndex, acceptedEvent }) =>
        leafIndex === undefined && acceptedEvent ? acceptedEvent : null,
      );
      const bodies = await client.query<{ manifest_hash: Sha256; capsule: string; accepted: Buffer | null }>({
        name: 'exchange.capsules',
        text: `SELECT manifest_hash, capsule, payload AS accepted
               FROM unnest($1::text[], $2::text[]) AS wanted (manifest_hash, event_id)
               JOIN exchange.message_bodies USING (manifest_hash) LEFT JOIN exchange.outbox USING (event_id)`,
        values: [messages.map(({ manifestHash }) => manifestHash), unlogged],
      });
      return {
        rows: new Map(messages.map((message) => [message.manifestHash, message])),
        bodies: new Map(bodies.rows.map((row) => [row.manifest_hash, row])),
      };
    });
    this.parts.afterCommit();
    return checked.map((one) => {
      if (!one.ok) return one;
      const { request, item } = one.value;
      const message = rows.get(request.manifestHash);
      if (!message) return err(new AppError('NOT_IN_MAILBOX'));
      const body = bodies.get(request.manifestHash);
      const open = isUnopened(message.state) || message.state === 'released';
      if (!open || body === undefined) return err(finalError(message));
      const accepted = body.accepted === null ? undefined : ExchangeEvent.decode(body.accepted).log;
      return ok({ request, item, message, capsule: body.capsule, accepted });
    });
  }

  /** One call; when consent finds one request that is not even to be answered, the others are asked singly. */
  private async permits(releasable: readonly Releasable[]): Promise<Result<PermitResult>[]> {
    if (releasable.length === 0) return [];
    const { consent } = this.parts;
    try {
      const { results } = await consent.permit({
        items: releasable.map(({ message, item }) => ({
          manifest: message.manifest,
          releaseRequest: item.releaseRequest,
        })),
      });
      if (results.length !== releasable.length)
        throw new AppError('INTERNAL', 'consent answered for another number of items');
      return results.map((result) => ok(result));
    } catch (error) {
      if (!(error instanceof AppError) || isTransient(error)) throw error;
      if (releasable.length === 1) return [err(error)];
      return (await Promise.all(releasable.map((one) => this.permits([one])))).flat();
    }
  }

  private async askAudit(decided: readonly Decided[]): Promise<ReleaseResult[]> {
    if (decided.length === 0) return [];
    const { audit, database, settle, afterCommit } = this.parts;
    const { results } = await audit.release({
      items: decided.map(({ one, permit }) => auditItemOf(one, permit)),
    });
    if (results.length !== decided.length) throw new AppError('INTERNAL', 'audit answered for another number of items');
    const outcomes = decided.flatMap(({ one }, index) => outcomeOf(one.message, results[index]) ?? []);
    await database.transaction((client) => settle.settle(client, outcomes));
    afterCommit();
    return results;
  }
}

function auditItemOf({ message, item, capsule, accepted }: Releasable, permit: PermitResult): AuditServiceReleaseItem {
  const { result } = permit;
  if (!result) throw new AppError('INTERNAL', 'consent gave neither permit nor refusal');
  return {
    manifest: message.manifest,
    capsule,
    releaseRequest: item.releaseRequest,
    decision:
      result.$case === 'permit'
        ? { $case: 'permit', value: result.value }
        : { $case: 'permitRefusal', value: result.value },
    seenSize: item.seenSize,
    accepted,
  };
}

function outcomeOf(
  { exchangeId, manifestHash }: MessageRow,
  answer: ReleaseResult | undefined,
): ReleaseOutcome | undefined {
  const result = answer?.result;
  if (!result) return undefined;
  return {
    exchangeId,
    manifestHash,
    result: result.$case === 'released' ? 'released' : { refused: result.value.code, final: result.value.final },
  };
}

const valueOf = (checked: Checked | undefined): SignedReleaseRequest | undefined =>
  checked?.ok ? checked.value.request : undefined;

const finalError = ({ state, code }: MessageRow): AppError =>
  new AppError('MESSAGE_FINAL', code === undefined ? state : `${state}: ${code}`);

const refusedBy = (error: AppError): ReleaseResult => ({
  result: {
    $case: 'refused',
    value: { code: error.code, detail: error.detail, final: error.code === 'MESSAGE_FINAL' },
  },
});
