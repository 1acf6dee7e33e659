import { Inject, Injectable } from '@nestjs/common';
import { kindRules, type Outcome } from '#envelope';
import type { Clock } from '#kernel';
import { CLOCK, type Queryable } from '#platform';
import { DraftStore } from '../infra/draft-store.js';
import { type ExchangeState, ExchangeStore } from '../infra/exchange-store.js';
import { InboxStore } from '../infra/inbox-store.js';
import { type ClosedMessage, OutboxStore, type SentMessage } from '../infra/outbox-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

const endOf: Readonly<Partial<Record<Outcome['type'], ExchangeState>>> = {
  expired: 'expired',
  withdrawn: 'withdrawn',
  undeliverable: 'undeliverable',
  discarded: 'discarded',
};

/** What a verified outcome does to an agency's own rows. Applying it again changes nothing more. */
@Injectable()
export class ApplyOutcome {
  constructor(
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(OutboxStore) private readonly outbox: OutboxStore,
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(DraftStore) private readonly drafts: DraftStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Outcomes in the order of the mailbox; `sent` is the message that one is about, where this agency sent it. */
  async apply(
    client: Queryable,
    agency: ServedAgency,
    outcomes: readonly { readonly outcome: Outcome; readonly sent: SentMessage | undefined }[],
  ): Promise<void> {
    const closed = outcomes.flatMap(({ outcome, sent }) => (sent ? closedBy(outcome) : []));
    await this.outbox.close(client, agency.id, closed, this.clock.now());
    for (const { outcome, sent } of outcomes) {
      if (sent) await this.aboutOurs(client, agency, outcome, sent);
      else if (outcome.sender !== agency.id) await this.aboutTheirs(client, agency, outcome);
    }
  }

  private async aboutOurs(
    client: Queryable,
    agency: ServedAgency,
    { type, code, exchangeId, messageId }: Outcome,
    sent: SentMessage,
  ): Promise<void> {
    if (type === 'accepted') return;
    const at = this.clock.now();
    if (type === 'rejected') return this.rejected(client, agency, sent, code, at);
    await this.outbox.setOutcome(client, agency.id, messageId, type, code);
    const end = endOf[type];
    // Only the fate of what asks is the exchange's: an answer that expires unopened was given all the same.
    if (end && asksOrHandsOver(sent)) await this.exchanges.end(client, agency.id, exchangeId, end, code, at);
  }

  /** An answer that the hub did not take is given back to a person: what it rested on may have ended meanwhile. */
  private async rejected(
    client: Queryable,
    agency: ServedAgency,
    sent: SentMessage,
    code: string | undefined,
    at: Date,
  ): Promise<void> {
    await this.exchanges.setState(client, agency.id, sent.exchangeId, 'rejected', code, at);
    const answers = sent.kind === 'answer' || sent.kind === 'refusal';
    if (!answers || sent.inReplyTo === null || code === 'EXCHANGE_CLOSED' || code === 'DEADLINE_PASSED') return;
    const request = await this.inbox.reopenReply(client, agency.id, sent.inReplyTo);
    if (request) await this.drafts.reopen(client, agency.id, request);
  }

  /** Mail that ended before it was opened, or an exchange that is over: nothing is to be answered any more. */
  private async aboutTheirs(client: Queryable, agency: ServedAgency, outcome: Outcome): Promise<void> {
    const { type, code, exchangeId, messageId, sender } = outcome;
    const at = this.clock.now();
    const end = endOf[type];
    if (end === undefined && type !== 'release-refused') return;
    const about = { sender, messageId };
    await this.inbox.markRefused(client, agency.id, about, { code: code ?? 'MESSAGE_FINAL', at });
    await this.inbox.closeReply(client, agency.id, about);
    await this.exchanges.end(client, agency.id, exchangeId, end ?? 'withdrawn', code, at);
  }
}

const closedBy = ({ type, messageId, receipt, code, detail }: Outcome): ClosedMessage[] =>
  type === 'accepted' || type === 'rejected'
    ? [{ messageId, state: type, leafIndex: receipt?.leafIndex ?? 0, code, detail }]
    : [];

const asksOrHandsOver = ({ kind }: SentMessage): boolean =>
  kindRules[kind].asks || kind === 'referral' || kind === 'transfer';
