import { AuditEvent, type Logged, type ReleaseFact, topics } from '#contracts';
import type { AlertNotice } from '#envelope';
import { type EventId, isEventId, isExchangeId, isSha256, sha256 } from '#kernel';
import { InboxConsumer, type InboxConsumerOptions, type InboxMessage } from '#messaging';
import type { ReleaseOutcome, SettleReleases } from '../release-messages/settle-releases.js';
import { alertNoticeOf, type TellAlerts } from '../tell-alerts/tell-alerts.js';
import { type ConfirmLogged, concernsExchange } from './confirm-logged.handler.js';

export type AuditEventsConsumerOptions = Omit<
  InboxConsumerOptions<ReadEvent>,
  'decode' | 'idOf' | 'exchangeOf' | 'handle' | 'consumer'
>;

/** audit.events.v1: what was logged, the releases whose answers were lost, and alerts for the supervising authorities. */
export class AuditEventsConsumer extends InboxConsumer<ReadEvent> {
  constructor(confirm: ConfirmLogged, settle: SettleReleases, tell: TellAlerts, options: AuditEventsConsumerOptions) {
    super({
      ...options,
      consumer: topics.auditEvents,
      decode: ({ value }) => read(AuditEvent.decode(value)),
      idOf: (event) => {
        switch (event.$case) {
          // By all its entries: audit may tell the first of them again together with others.
          case 'logged':
            return `logged ${sha256(event.value.entries.map(({ eventId }) => eventId).join(' '))}`;
          case 'release':
            return `release ${event.eventId}`;
          case 'alert':
            return `alert ${event.value.alert}`;
          case 'alertEnded':
            return `alert ended ${event.value}`;
        }
      },
      exchangeOf: (event) => (event.$case === 'release' ? event.value.exchangeId : undefined),
      handle: async (client, messages) => {
        const logged = loggedOf(messages).filter(({ entries }) => entries.some(concernsExchange));
        if (logged.length > 0) await confirm.begin(client);
        // Exchanges are locked before mailboxes, so releases come first.
        const outcomes = outcomesOf(messages);
        if (outcomes.length > 0) await settle.settle(client, outcomes);
        await confirm.confirm(client, logged);
        await tell.tell(client, alertsOf(messages));
        await tell.end(client, endedOf(messages));
      },
    });
  }
}

type ReadEvent =
  | { readonly $case: 'logged'; readonly value: Logged }
  | { readonly $case: 'release'; readonly eventId: string; readonly value: ReleaseOutcome }
  | { readonly $case: 'alert'; readonly value: AlertNotice }
  | { readonly $case: 'alertEnded'; readonly value: EventId };

/** Throws on what no later attempt could read, so that it goes to quarantine and stops nothing. */
function read({ event }: AuditEvent): ReadEvent {
  switch (event?.$case) {
    case 'logged':
      return { $case: 'logged', value: event.value };
    case 'release':
      if (!isEventId(event.value.eventId)) throw new TypeError('a release without an event id');
      return { $case: 'release', eventId: event.value.eventId, value: outcomeOf(event.value) };
    case 'alert':
      return { $case: 'alert', value: alertNoticeOf(event.value) };
    case 'alertEnded':
      if (!isEventId(event.value.alert)) throw new TypeError('the end of no alert');
      return { $case: 'alertEnded', value: event.value.alert };
    case undefined:
      throw new TypeError('an audit event of no kind');
  }
}

const outcomesOf = (messages: readonly InboxMessage<ReadEvent>[]): ReleaseOutcome[] =>
  messages.flatMap(({ body }) => (body.$case === 'release' ? [body.value] : []));

const alertsOf = (messages: readonly InboxMessage<ReadEvent>[]): AlertNotice[] =>
  messages.flatMap(({ body }) => (body.$case === 'alert' ? [body.value] : []));

const endedOf = (messages: readonly InboxMessage<ReadEvent>[]): EventId[] =>
  messages.flatMap(({ body }) => (body.$case === 'alertEnded' ? [body.value] : []));

const loggedOf = (messages: readonly InboxMessage<ReadEvent>[]): Logged[] =>
  messages.flatMap(({ body }) => (body.$case === 'logged' ? [body.value] : []));

function outcomeOf({ exchangeId, manifestHash, type, code, final }: ReleaseFact): ReleaseOutcome {
  if (!isExchangeId(exchangeId) || !isSha256(manifestHash)) throw new TypeError('a release of no message');
  return { exchangeId, manifestHash, result: type === 'release-refused' ? { refused: code, final } : 'released' };
}
