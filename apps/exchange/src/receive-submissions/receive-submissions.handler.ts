import type { Submission } from '#contracts';
import { consentsNamedBy, type Manifest } from '#envelope';
import { type Clock, type ErrorCode, type Result, type Sha256, adviceOf, fromNumericDate } from '#kernel';
import type { Queryable } from '#messaging';
import type { ExchangeEvent } from '../domain/exchange-events.js';
import { judgeArrival } from '../domain/exchange-state.js';
import { isOpeningKind, kindOrder } from '../domain/message-kinds.js';
import { ExchangeLedger, type LedgerParts, idOf } from '../infra/exchange-ledger.js';
import type { MessageRow } from '../infra/rows.js';
import type { QuotaAlarm, SubmissionQuotas } from './submission-quotas.js';
import type { Judged } from './judge-submissions.js';

type Sound = Extract<Judged, { verdict: 'sound' }>;
type Attributed = Exclude<Judged, { verdict: 'unattributable' }>;
type Refused = Extract<Judged, { verdict: 'refused' }>;

/** What is refused counts like the rest: a refusal is an answer too. Not what a thief sent with a key that no longer counts. */
const countsForItsSender = (one: Attributed): one is Sound | (Refused & { readonly ownsId: true }) =>
  one.verdict === 'sound' || one.ownsId;

/** The part of receiving that needs the transaction: ids, order within the exchanges, quotas, and all that is written. */
export class ReceiveSubmissions {
  constructor(
    private readonly parts: LedgerParts,
    private readonly quotas: SubmissionQuotas,
    private readonly onQuota: QuotaAlarm,
    private readonly clock: Clock,
  ) {}

  async receive(client: Queryable, judged: readonly Judged[]): Promise<void> {
    const now = this.clock.now();
    const attributed = judged.filter((one): one is Attributed => one.verdict !== 'unattributable');
    const sound = attributed.filter((one) => one.verdict === 'sound');
    const ledger = await ExchangeLedger.lock(
      client,
      this.parts,
      sound.map(({ manifest }) => manifest.context.exchangeId),
      now,
      { create: true },
    );
    const owners = await ledger.loadWithOwners(
      namedHashes(attributed),
      attributed.map(({ manifest }) => manifest.context),
    );
    const counted = attributed.filter(countsForItsSender);
    const counts = await this.quotas.read(
      client,
      counted.map(({ manifest }) => manifest.context),
      now,
    );

    for (const one of judged) {
      if (one.verdict === 'unattributable') {
        ledger.recordBare({ type: 'message-rejected', code: one.code });
        continue;
      }
      const { manifestHash, context } = one.manifest;
      if (ledger.message(manifestHash)) continue;
      const id = idOf(context.sender, context.messageId);
      const ownedBy = owners.get(id);
      if (ownedBy !== undefined && ownedBy !== manifestHash) {
        this.reject(ledger, one.manifest, one.submission, 'MESSAGE_ID_REUSED', false);
        continue;
      }
      if (!countsForItsSender(one)) {
        this.reject(ledger, one.manifest, one.submission, one.code, false);
        continue;
      }
      owners.set(id, manifestHash);
      const taken = counts.take(context);
      if (!taken.ok) {
        this.onQuota(context.sender, taken.error);
        this.reject(ledger, one.manifest, one.submission, taken.error.code, true, taken.error.retryAfter);
        continue;
      }
      if (one.verdict === 'refused') {
        this.reject(ledger, one.manifest, one.submission, one.code, true);
        continue;
      }
      const arrival = arrivalOf(ledger, one.manifest, now);
      if (arrival.ok) this.accept(ledger, one, arrival.value);
      else this.reject(ledger, one.manifest, one.submission, arrival.error.code, true);
    }
    await ledger.flush();
    await this.quotas.write(client, counts);
  }

  private accept(ledger: ExchangeLedger, { manifest, submission, deadline }: Sound, event: ExchangeEvent): void {
    const { context, manifestHash } = manifest;
    const row = rowOf(manifest, submission, 'available', undefined);
    const exchange = openOrContinue(ledger, manifest, deadline);
    const fact = ledger.record('message-accepted', row, { context });
    fact.evidence.push({ kind: 'manifest', token: submission.manifest });
    ledger.notifyWithReceipt(fact, context.sender, ledger.outcomeOf(row, 'accepted'));
    ledger.addMessage({
      row: { ...row, acceptedEvent: fact.eventId as MessageRow['acceptedEvent'] },
      ownsId: true,
      inReplyTo: context.inReplyTo,
      consents: consentsNamedBy(context.basis).map(({ id }) => id),
      body: { capsule: submission.capsule, outer: submission.outer },
    });
    ledger.deliver(context.recipient, manifestHash);
    ledger.moveExchange(exchange, event, row);
  }

  private reject(
    ledger: ExchangeLedger,
    manifest: Manifest,
    submission: Submission,
    code: ErrorCode,
    ownsId: boolean,
    retryAfter?: number,
  ): void {
    const { context } = manifest;
    const row = rowOf(manifest, submission, 'rejected', code);
    // Not part of the exchange, which may belong to others: it has no number there.
    const fact = ledger.record('message-rejected', row, { code, context, numbered: false });
    fact.evidence.push({ kind: 'manifest', token: submission.manifest });
    ledger.notifyWithReceipt(fact, context.sender, {
      ...ledger.outcomeOf(row, 'rejected', code),
      detail: adviceOf(code),
      ...(retryAfter !== undefined && { retryAfter }),
    });
    ledger.addMessage({ row, ownsId, inReplyTo: context.inReplyTo, consents: [], body: undefined });
  }
}

function arrivalOf(ledger: ExchangeLedger, { context }: Manifest, now: Date): Result<ExchangeEvent> {
  const exchange = ledger.exchange(context.exchangeId);
  const named = context.inReplyTo === undefined ? undefined : ledger.message(context.inReplyTo);
  const replied = named && named.exchangeId === context.exchangeId && named.state !== 'rejected' ? named : undefined;
  return judgeArrival(exchange, { ...context, inReplyTo: context.inReplyTo }, replied, now);
}

function openOrContinue(ledger: ExchangeLedger, { context, manifestHash }: Manifest, deadline: Date | undefined) {
  const open = ledger.exchange(context.exchangeId);
  const asks = kindOrder[context.kind].opens === 'asks';
  if (open) {
    // A question made clear asks anew: the time for answering begins again.
    if (asks) {
      open.categories = [...new Set([...open.categories, ...context.categories])].sort((a, b) => a - b);
      open.deadline = deadline;
    }
    return open;
  }
  if (!isOpeningKind(context.kind)) throw new Error('an exchange opened by a kind that opens none');
  const opened = {
    id: context.exchangeId,
    state: 'open' as const,
    openedBy: context.kind,
    asker: context.sender,
    holder: context.recipient,
    openingMessage: manifestHash,
    categories: asks ? [...context.categories] : [],
    deadline,
    openedAt: ledger.now,
    closedAt: undefined,
  };
  ledger.putExchange(opened);
  return opened;
}

const rowOf = (
  { context, manifestHash }: Manifest,
  { manifest }: Submission,
  state: 'available' | 'rejected',
  code: ErrorCode | undefined,
): MessageRow => ({
  manifestHash,
  exchangeId: context.exchangeId,
  messageId: context.messageId,
  sender: context.sender,
  recipient: context.recipient,
  recipientKey: context.recipientKey,
  kind: context.kind,
  state,
  code,
  manifest,
  expiresAt: fromNumericDate(context.exp),
  acceptedEvent: undefined,
  leafIndex: undefined,
  releasingUntil: undefined,
  endsWith: undefined,
});

const namedHashes = (attributed: readonly Attributed[]): Sha256[] => [
  ...new Set(
    attributed.flatMap(({ manifest }) => [
      manifest.manifestHash,
      ...(manifest.context.inReplyTo === undefined ? [] : [manifest.context.inReplyTo]),
    ]),
  ),
];
