import { Inject, Injectable } from '@nestjs/common';
import { readManifest } from '#envelope';
import { type Clock } from '#kernel';
import { CLOCK, Database, LOGGER, type Logger } from '#platform';
import { type AnswerContent, type Officer, secrecyMark } from '../domain/content.js';
import { basisOfAnswer } from '../domain/judge-basis.js';
import { DraftStore } from '../infra/draft-store.js';
import { ExchangeStore } from '../infra/exchange-store.js';
import { InboxStore, type ReceivedMessage } from '../infra/inbox-store.js';
import { OutboxStore } from '../infra/outbox-store.js';
import { SealOutgoing } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

const AGAIN_AFTER_MS = 10_000;

/** Seals decided answers and refusals when their time has come, each once. */
@Injectable()
export class SendReplies {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DraftStore) private readonly drafts: DraftStore,
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(OutboxStore) private readonly outbox: OutboxStore,
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(SealOutgoing) private readonly sealOutgoing: SealOutgoing,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async runOnce(agency: ServedAgency): Promise<number> {
    const due = await this.inbox.repliesDue(agency.id, this.clock.now());
    await Promise.all(due.map((request) => this.reply(agency, request)));
    return due.length;
  }

  private async reply(agency: ServedAgency, request: ReceivedMessage): Promise<void> {
    const manifest = readManifest(request.manifest);
    if (!manifest.ok) throw new Error('a stored manifest cannot be read');
    const { context } = manifest.value;
    const content = await this.contentOf(agency, request);
    const disclosed = content.items.filter(({ outcome }) => outcome !== 'refused').map(({ category }) => category);
    const sealed = await this.sealOutgoing.seal(agency, {
      exchangeId: request.exchangeId,
      kind: content.type,
      recipient: request.sender,
      inReplyTo: request.manifestHash,
      subjects: request.subjects ?? [],
      purpose: context.purpose,
      categories: content.type === 'answer' ? disclosed : request.categories,
      basis: basisOfAnswer(context, disclosed),
      ...(content.type === 'answer' && context.dataPeriod ? { dataPeriod: context.dataPeriod } : {}),
      content,
    });
    const at = this.clock.now();
    if (!sealed.ok) {
      await this.inbox.setReply(this.database, agency.id, request, 'decided', new Date(at.getTime() + AGAIN_AFTER_MS));
      this.logger.warn({ agency: agency.id, messageId: request.messageId, code: sealed.error.code }, 'not sealed yet');
      return;
    }
    await this.database.transaction(async (client) => {
      await this.outbox.add(client, sealed.value, at);
      await this.inbox.setReply(client, agency.id, request, 'sent');
      const state = content.type === 'answer' ? 'answered' : 'refused';
      await this.exchanges.setState(client, agency.id, request.exchangeId, state, undefined, at);
    });
  }

  private async contentOf(agency: ServedAgency, request: ReceivedMessage): Promise<AnswerContent> {
    const items = await this.drafts.items(agency.id, request.sender, request.messageId);
    const decisions = items.flatMap(({ decision }) => (decision ? [decision] : []));
    if (decisions.length !== items.length) throw new Error('an answer with an undecided category');
    const exchange = await this.exchanges.find(agency.id, request.exchangeId);
    const persons = decisions.flatMap(({ by }) => (by === 'register' ? [] : [by]));
    const decidedBy: Officer | undefined = persons.at(-1);
    return {
      type: decisions.some(({ item }) => item.outcome !== 'refused') ? 'answer' : 'refusal',
      items: decisions.map(({ item }) => item),
      ...(exchange?.caseNumber ? { caseNumber: exchange.caseNumber } : {}),
      ...(decidedBy === undefined ? {} : { decidedBy }),
      secrecy: secrecyMark,
    };
  }
}
