import { Inject, Injectable } from '@nestjs/common';
import { type Manifest, openPseudonymKey } from '#envelope';
import { AppError, type Clock, err, type ExchangeId, ok, type Result, type Sha256 } from '#kernel';
import { CLOCK, Database, LOGGER, type Logger, type Queryable } from '#platform';
import type { AnswerContent, MessageContent } from '../domain/content.js';
import { LogFollower } from '../follow-log/log-follower.js';
import { DraftStore } from '../infra/draft-store.js';
import { type Exchange, ExchangeStore } from '../infra/exchange-store.js';
import { InboxStore, type MessageToOpen } from '../infra/inbox-store.js';
import { ProtectedClients } from '../infra/protected-clients.js';
import { OutboxStore, type SentMessage } from '../infra/outbox-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import type { OpenedMail } from './open-released.js';

export interface OpenedToTake {
  readonly message: MessageToOpen;
  readonly manifest: Manifest;
  readonly opened: OpenedMail;
  readonly leafIndex: number;
}

/** Exchanges and sent messages that a batch of mail refers to. */
export interface KnownExchanges {
  readonly exchanges: ReadonlyMap<ExchangeId, Exchange>;
  readonly sent: ReadonlyMap<Sha256, SentMessage>;
}

/** What an opened message does at this agency: opens drafts, closes an exchange, asks back, brings the pseudonym key. */
@Injectable()
export class TakeOpened {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(OutboxStore) private readonly outbox: OutboxStore,
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(DraftStore) private readonly drafts: DraftStore,
    @Inject(ProtectedClients) private readonly protectedClients: ProtectedClients,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Does it belong where it says? The hub checks the same; an agent does not rely on that. A shared key goes into the vault
   * here, before the message counts as opened, so that no crash can lose it.
   *
   * Errors: EXCHANGE_PARTIES_MISMATCH, EXCHANGE_ORDER (a reply to nothing that was sent there), CATEGORY_NOT_HELD (an answer
   * beyond what was asked), FORBIDDEN (a pseudonym key from an agency that was not agreed on), CONFLICT (another key of that
   * version), and those of `openPseudonymKey`.
   */
  async admit(
    agency: ServedAgency,
    manifest: Manifest,
    { content }: OpenedMail,
    known: KnownExchanges,
  ): Promise<Result<void>> {
    const { exchangeId, sender, inReplyTo, categories } = manifest.context;
    const exchange = known.exchanges.get(exchangeId);
    if (exchange && exchange.counterpart !== sender) return err(new AppError('EXCHANGE_PARTIES_MISMATCH'));
    switch (content.type) {
      case 'pseudonym-key':
        return this.keepPseudonymKey(agency, manifest, content.token);
      case 'request':
      case 'referral':
        return exchange?.role === 'asker' ? err(new AppError('EXCHANGE_ORDER')) : ok(undefined);
      case 'answer':
      case 'refusal':
      case 'clarification': {
        const asked = inReplyTo && known.sent.get(inReplyTo);
        if (!asked && inReplyTo && (await this.mayComeUp(agency, inReplyTo)))
          return err(new AppError('UNAVAILABLE', 'the notice about what it answers waits'));
        if (!asked || asked.exchangeId !== exchangeId || asked.recipient !== sender)
          return err(new AppError('EXCHANGE_ORDER'));
        const beyond = categories.find((category) => !exchange?.categories.includes(category));
        return beyond === undefined ? ok(undefined) : err(new AppError('CATEGORY_NOT_HELD'));
      }
    }
  }

  /** Before a restore it may have been sent from here: the notice that says so is in the mailbox, taken by now or not. */
  private async mayComeUp(agency: ServedAgency, manifestHash: Sha256): Promise<boolean> {
    if (await this.inbox.awaitsNotices(agency.id)) return true;
    return (await this.outbox.findByHash(agency.id, [manifestHash])).has(manifestHash);
  }

  /** What a batch of mail is about, looked up at once. */
  async known(agency: ServedAgency, manifests: readonly Manifest[]): Promise<KnownExchanges> {
    const contexts = manifests.map(({ context }) => context);
    const [exchanges, sent] = await Promise.all([
      this.exchanges.findAll(
        agency.id,
        contexts.map(({ exchangeId }) => exchangeId),
      ),
      this.outbox.findByHash(
        agency.id,
        contexts.flatMap(({ inReplyTo }) => inReplyTo ?? []),
      ),
    ]);
    return { exchanges, sent };
  }

  /** All or none: what fails stays as it was and is released again. */
  async take(agency: ServedAgency, batch: readonly OpenedToTake[]): Promise<void> {
    const at = this.clock.now();
    await this.database.transaction(async (client) => {
      for (const { message, manifest, opened, leafIndex } of batch) {
        const { subjects, content } = opened;
        // The token is spent; what it brought is in the vault and nowhere else.
        const stored: MessageContent = content.type === 'pseudonym-key' ? { ...content, token: 'taken' } : content;
        const first = await this.inbox.markOpened(client, agency.id, message, {
          subjects,
          content: stored,
          leafIndex,
          reply: content.type === 'request' ? 'due' : undefined,
          at,
        });
        for (const subject of subjects)
          if (subject.protected) await this.protectedClients.set(client, agency.id, subject, true, at);
        if (first) await this.apply(client, agency, manifest, content, first.reply !== 'sent', at);
      }
    });
  }

  private async apply(
    client: Queryable,
    agency: ServedAgency,
    { context }: Manifest,
    content: MessageContent,
    waits: boolean,
    at: Date,
  ): Promise<void> {
    const { exchangeId } = context;
    switch (content.type) {
      case 'request':
      case 'referral':
      case 'pseudonym-key':
        await this.exchanges.open(client, agency.id, {
          id: exchangeId,
          role: 'holder',
          counterpart: context.sender,
          openedBy: context.kind,
          subjects: context.subjects,
          purpose: context.purpose,
          categories: context.categories,
          caseNumber: null,
          opening: agency.settings.opening,
          state: content.type !== 'request' ? 'informed' : waits ? 'open' : 'answered',
          code: null,
          request: null,
          forwardedFrom: null,
          forwardedTo: null,
          createdAt: at,
        });
        if (content.type === 'request' && waits) await this.drafts.open(client, agency, context, at);
        return;
      case 'answer':
        return this.exchanges.setState(client, agency.id, exchangeId, 'answered', undefined, at);
      case 'refusal':
        return this.exchanges.setState(client, agency.id, exchangeId, 'refused', reasonOf(content), at);
      case 'clarification':
        return this.exchanges.setState(client, agency.id, exchangeId, 'question', undefined, at);
    }
  }

  /** Only from whom it was agreed out of band: whoever sets this key can link every person's exchanges. */
  private async keepPseudonymKey(
    agency: ServedAgency,
    { context, kid }: Manifest,
    token: string,
  ): Promise<Result<void>> {
    if (!agency.settings.pseudonymKeyFrom.includes(context.sender)) return err(new AppError('FORBIDDEN'));
    const senderKey = await this.log.keys.signingKey(context.sender, kid, this.clock.now());
    if (!senderKey.ok) return senderKey;
    const receivingKey = agency.receivingKey(context.recipientKey);
    if (!receivingKey.ok) return receivingKey;
    const key = await openPseudonymKey(token, receivingKey.value, senderKey.value);
    if (!key.ok) return key;
    try {
      const { useFrom, ...shared } = key.value;
      await agency.vault.put('pseudonym', shared, useFrom === undefined ? {} : { useFrom });
    } catch (error) {
      if (error instanceof AppError && error.code === 'CONFLICT') return err(error);
      throw error;
    }
    this.logger.info({ agency: agency.id, from: context.sender, version: key.value.version }, 'pseudonym key taken');
    return ok(undefined);
  }
}

/** The one reason of a refusal, where it has only one. */
function reasonOf({ items }: AnswerContent): string | undefined {
  const reasons = new Set(items.flatMap((item) => (item.outcome === 'refused' ? [item.reason] : [])));
  return reasons.size === 1 ? [...reasons][0] : undefined;
}
