import { Inject, Injectable } from '@nestjs/common';
import { type Manifest, openPseudonymKey } from '#envelope';
import { AppError, type Clock, err, ok, type Result } from '#kernel';
import { CLOCK, Database, LOGGER, type Logger, type Queryable } from '#platform';
import type { AnswerContent, MessageContent } from '../domain/content.js';
import { LogFollower } from '../follow-log/log-follower.js';
import { DraftStore } from '../infra/draft-store.js';
import { ExchangeStore } from '../infra/exchange-store.js';
import { InboxStore, type MessageToOpen } from '../infra/inbox-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import type { OpenedMail } from './open-released.js';

/** What an opened message does at this agency: opens drafts, closes an exchange, asks back, brings the pseudonym key. */
@Injectable()
export class TakeOpened {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(DraftStore) private readonly drafts: DraftStore,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Errors: those of `openPseudonymKey`; FORBIDDEN for a pseudonym key from an agency that was not agreed on. */
  async take(
    agency: ServedAgency,
    message: MessageToOpen,
    manifest: Manifest,
    { subjects, content }: OpenedMail,
    leafIndex: number,
  ): Promise<Result<void>> {
    if (content.type === 'pseudonym-key') {
      const kept = await this.keepPseudonymKey(agency, manifest, content.token);
      if (!kept.ok) return kept;
    }
    const at = this.clock.now();
    const reply = content.type === 'request' ? 'due' : undefined;
    // The token is spent; what it brought is in the vault and nowhere else.
    const stored: MessageContent = content.type === 'pseudonym-key' ? { ...content, token: 'taken' } : content;
    await this.database.transaction(async (client) => {
      const first = await this.inbox.markOpened(client, agency.id, message, {
        subjects,
        content: stored,
        leafIndex,
        reply,
        at,
      });
      if (first) await this.apply(client, agency, manifest, content, at);
    });
    return ok(undefined);
  }

  private async apply(
    client: Queryable,
    agency: ServedAgency,
    { context }: Manifest,
    content: MessageContent,
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
          subject: context.subjects[0] ?? null,
          purpose: context.purpose,
          categories: context.categories,
          caseNumber: null,
          opening: agency.settings.opening,
          state: 'open',
          code: null,
          request: null,
          forwardedFrom: null,
          forwardedTo: null,
          createdAt: at,
        });
        await this.exchanges.setState(
          client,
          agency.id,
          exchangeId,
          content.type === 'request' ? 'open' : 'informed',
          undefined,
          at,
        );
        if (content.type === 'request') await this.drafts.open(client, agency, context, at);
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
      await agency.vault.setPseudonymKey(key.value.version, key.value.key);
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
