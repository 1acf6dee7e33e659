import { Submission, topics } from '#contracts';
import { type Clock, adviceOf, fromNumericDate, isExchangeId } from '#kernel';
import type { DiscardedMessage, ParkedMessage, Queryable } from '#messaging';
import type { DirectoryView } from '#platform';
import { ExchangeLedger, type LedgerParts } from '../infra/exchange-ledger.js';
import type { MessageRow } from '../infra/rows.js';
import { type AttributedSubmission, attributeSubmission } from '../receive-submissions/attribute-submission.js';

/** What log and sender learn of messages that could not be processed. */
export class ParkMessages {
  constructor(
    private readonly parts: LedgerParts,
    private readonly directory: DirectoryView,
    private readonly clock: Clock,
  ) {}

  /** In the transaction that parks. What the message claims was never judged, so the entry names its queue only. */
  async parked(client: Queryable, { exchangeId }: ParkedMessage): Promise<void> {
    const ledger = await ExchangeLedger.lock(client, this.parts, [], this.clock.now());
    ledger.recordBare({
      type: 'message-parked',
      code: 'PARKED',
      ...(isExchangeId(exchangeId) && { exchangeId }),
    });
    await ledger.flush();
  }

  /** In the transaction of the operator's discard: the message's final state, with a notice to the sender it really has. */
  async discarded(client: Queryable, message: DiscardedMessage): Promise<void> {
    const ledger = await ExchangeLedger.lock(client, this.parts, [], this.clock.now());
    const sent = message.topic === topics.submissions ? await this.attributed(message) : undefined;
    if (sent) {
      await ledger.load([sent.manifest.manifestHash]);
      if (!ledger.message(sent.manifest.manifestHash)) discard(ledger, sent);
    } else {
      ledger.recordBare({
        type: 'message-discarded',
        code: 'PARKED',
        ...(isExchangeId(message.exchangeId) && { exchangeId: message.exchangeId }),
      });
    }
    await ledger.flush();
  }

  private async attributed({
    value,
  }: DiscardedMessage): Promise<(AttributedSubmission & { token: string }) | undefined> {
    const submission = Submission.decode(value);
    const attributed = await attributeSubmission(submission, this.directory);
    return attributed.ok ? { ...attributed.value, token: submission.manifest } : undefined;
  }
}

function discard(ledger: ExchangeLedger, { manifest, token }: AttributedSubmission & { readonly token: string }): void {
  const { context } = manifest;
  const row: MessageRow = {
    manifestHash: manifest.manifestHash,
    exchangeId: context.exchangeId,
    messageId: context.messageId,
    sender: context.sender,
    recipient: context.recipient,
    recipientKey: context.recipientKey,
    kind: context.kind,
    state: 'rejected',
    code: 'PARKED',
    manifest: token,
    expiresAt: fromNumericDate(context.exp),
    acceptedEvent: undefined,
    leafIndex: undefined,
    releasingUntil: undefined,
    endsWith: undefined,
  };
  const fact = ledger.record('message-discarded', row, { code: 'PARKED', context, numbered: false });
  fact.evidence.push({ kind: 'manifest', token });
  ledger.notify([context.sender], {
    ...ledger.outcomeOf(row, 'discarded', 'PARKED'),
    detail: adviceOf('PARKED'),
  });
  ledger.addMessage({ row, ownsId: false, inReplyTo: context.inReplyTo, consents: [], body: undefined });
}
