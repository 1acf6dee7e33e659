import { Inject, Injectable } from '@nestjs/common';
import { kindRules, type LogBody, type MessageKind, messageKinds, type Outcome } from '#envelope';
import { AppError, type Clock, err, ok, type Result, type Sha256 } from '#kernel';
import { CLOCK, LOGGER, type Logger, type Queryable } from '#platform';
import { member } from '../hub-client/hub-http.js';
import { ExchangeStore } from '../infra/exchange-store.js';
import { InboxStore } from '../infra/inbox-store.js';
import { LogStore } from '../infra/log-store.js';
import { type LostMessage, OutboxStore } from '../infra/outbox-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

/** A message that the log shows as sent by this agency and that its agent does not know. */
export interface UnknownSent {
  readonly lost: LostMessage;
  readonly role: 'asker' | 'holder';
  readonly openedBy: MessageKind;
  readonly body: LogBody;
}

interface ListedMessage {
  readonly manifestHash: unknown;
  readonly kind: unknown;
  readonly recipient: unknown;
}

/**
 * Takes up again what an agent sent after the backup from which it was restored: from the log's own entry, so that the answer
 * finds its exchange and nothing is answered twice. Each raises an alarm, for without a restore it means that somebody else
 * acts with the agency's keys.
 */
@Injectable()
export class RestoreSent {
  constructor(
    @Inject(OutboxStore) private readonly outbox: OutboxStore,
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(LogStore) private readonly logStore: LogStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * What kind of message it was is asked of the hub, which the log does not tell; undefined where the hub no longer knows the
   * exchange. Errors: UNAVAILABLE, when it is to be asked again later.
   */
  async find(agency: ServedAgency, outcome: Outcome, body: LogBody): Promise<Result<UnknownSent | undefined>> {
    await this.alarm(agency, outcome);
    const { exchangeId, messageId, manifestHash, receipt } = outcome;
    const { recipient } = body;
    let exchange: unknown;
    try {
      exchange = await agency.hub.exchange(exchangeId);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const isPassing = error.status >= 500 || error.status === 429 || error.status === 401;
      return isPassing ? err(new AppError('UNAVAILABLE', 'the hub does not tell the exchange')) : ok(undefined);
    }
    const listed = member(exchange, 'messages');
    const messages = (Array.isArray(listed) ? (listed as unknown[]) : []).map(listedMessage);
    const place = messages.findIndex((message) => message.manifestHash === manifestHash);
    const kind = kindOf(messages[place]?.kind);
    const openedBy = kindOf(messages[0]?.kind);
    if (!kind || !openedBy || !recipient || !manifestHash) return ok(undefined);
    const replies = kindRules[kind].repliesTo === 'required';
    const asked = messages.slice(0, place).findLast((message) => {
      const askedAs = kindOf(message.kind);
      return askedAs !== undefined && kindRules[askedAs].asks && message.recipient === agency.id;
    });
    const lost: LostMessage = {
      messageId,
      exchangeId,
      kind,
      recipient,
      inReplyTo: replies && typeof asked?.manifestHash === 'string' ? (asked.manifestHash as Sha256) : undefined,
      categories: body.categories ?? [],
      manifestHash,
      leafIndex: receipt?.leafIndex ?? 0,
    };
    return ok({ lost, role: member(exchange, 'asker') === agency.id ? 'asker' : 'holder', openedBy, body });
  }

  async restore(client: Queryable, agency: ServedAgency, { lost, role, openedBy, body }: UnknownSent): Promise<void> {
    const at = this.clock.now();
    const { exchangeId, recipient, inReplyTo } = lost;
    if (!(await this.outbox.restore(client, agency.id, lost, at))) return;
    if (inReplyTo !== undefined) await this.inbox.wasAnswered(client, agency.id, inReplyTo);
    const known = (await this.exchanges.findAll(agency.id, [exchangeId])).get(exchangeId);
    const state = lost.kind === 'answer' ? 'answered' : lost.kind === 'refusal' ? 'refused' : 'open';
    if (known && state !== 'open') await this.exchanges.setState(client, agency.id, exchangeId, state, undefined, at);
    if (known) return;
    await this.exchanges.open(client, agency.id, {
      id: exchangeId,
      role,
      counterpart: recipient,
      openedBy,
      subjects: body.subjects ?? [],
      purpose: body.purpose ?? '',
      categories: lost.categories,
      caseNumber: null,
      opening: agency.settings.opening,
      state,
      code: null,
      request: null,
      forwardedFrom: null,
      forwardedTo: null,
      createdAt: new Date(body.at),
    });
  }

  private async alarm(agency: ServedAgency, { messageId, receipt }: Outcome): Promise<void> {
    const raised = await this.logStore.raise(
      {
        agency: agency.id,
        code: 'SENT_ELSEWHERE',
        detail: `message ${messageId} of this agency is not known here`,
        ...(receipt === undefined ? {} : { leafIndex: receipt.leafIndex }),
      },
      this.clock.now(),
    );
    if (raised)
      this.logger.error({ alarm: 'SENT_ELSEWHERE', agency: agency.id, messageId }, 'sent, and not known here');
  }
}

const listedMessage = (value: unknown): ListedMessage => ({
  manifestHash: member(value, 'manifestHash'),
  kind: member(value, 'kind'),
  recipient: member(value, 'recipient'),
});

const kindOf = (value: unknown): MessageKind | undefined => messageKinds.find((kind) => kind === value);
