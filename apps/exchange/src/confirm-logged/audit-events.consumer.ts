import { type AlertRaised, AuditEvent, type Logged, type ReleaseFact, topics } from '#contracts';
import { type ExchangeId, type Sha256, isExchangeId, isSha256, sha256 } from '#kernel';
import { InboxConsumer, type InboxConsumerOptions, type InboxMessage } from '#messaging';
import type { ReleaseOutcome, SettleReleases } from '../release-messages/settle-releases.js';
import type { TellAlerts } from '../tell-alerts/tell-alerts.js';
import { type ConfirmLogged, concernsExchange } from './confirm-logged.handler.js';

export type AuditEventsConsumerOptions = Omit<
  InboxConsumerOptions<AuditEvent>,
  'decode' | 'idOf' | 'exchangeOf' | 'handle' | 'consumer'
>;

/** audit.events.v1: what was logged, the releases whose answers were lost, and alerts for the supervising authorities. */
export class AuditEventsConsumer extends InboxConsumer<AuditEvent> {
  constructor(confirm: ConfirmLogged, settle: SettleReleases, tell: TellAlerts, options: AuditEventsConsumerOptions) {
    super({
      ...options,
      consumer: topics.auditEvents,
      decode: ({ value }) => AuditEvent.decode(value),
      idOf: ({ event }) => {
        // By all its entries: audit may tell the first of them again together with others.
        if (event?.$case === 'logged')
          return `logged ${sha256(event.value.entries.map(({ eventId }) => eventId).join(' '))}`;
        if (event?.$case === 'release') return `release ${event.value.eventId}`;
        if (event?.$case === 'alert') return `alert ${event.value.alert}`;
        throw new TypeError('an audit event of no kind');
      },
      exchangeOf: ({ event }) => (event?.$case === 'release' ? event.value.exchangeId : undefined),
      handle: async (client, messages) => {
        const logged = loggedOf(messages).filter(({ entries }) => entries.some(concernsExchange));
        if (logged.length > 0) await confirm.begin(client);
        // Exchanges are locked before mailboxes, so releases come first.
        const outcomes = factsOf(messages).map(outcomeOf);
        if (outcomes.length > 0) await settle.settle(client, outcomes);
        await confirm.confirm(client, logged);
        await tell.tell(client, alertsOf(messages));
      },
    });
  }
}

const factsOf = (messages: readonly InboxMessage<AuditEvent>[]): ReleaseFact[] =>
  messages.flatMap(({ body: { event } }) => (event?.$case === 'release' ? [event.value] : []));

const alertsOf = (messages: readonly InboxMessage<AuditEvent>[]): AlertRaised[] =>
  messages.flatMap(({ body: { event } }) => (event?.$case === 'alert' ? [event.value] : []));

const loggedOf = (messages: readonly InboxMessage<AuditEvent>[]): Logged[] =>
  messages.flatMap(({ body: { event } }) => (event?.$case === 'logged' ? [event.value] : []));

function outcomeOf({ exchangeId, manifestHash, type, code, final }: ReleaseFact): ReleaseOutcome {
  if (!isExchangeId(exchangeId) || !isSha256(manifestHash)) throw new TypeError('a release of no message');
  return {
    exchangeId: exchangeId satisfies ExchangeId,
    manifestHash: manifestHash satisfies Sha256,
    result: type === 'release-refused' ? { refused: code, final } : 'released',
  };
}
