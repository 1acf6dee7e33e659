import { ConsentEvent, topics } from '#contracts';
import { type ErrorCode, isConsentId } from '#kernel';
import { InboxConsumer, type InboxConsumerOptions } from '#messaging';
import type { ConsentNotices } from './consent-notices.js';
import type { EndedConsent, WithdrawConsented } from './withdraw-consented.handler.js';

/**
 * States in which a consent gives no basis any more, and what is then said of messages that rest on it. A suspended one may be
 * resumed: its messages wait.
 */
const endings: Readonly<Record<string, ErrorCode>> = {
  withdrawn: 'CONSENT_WITHDRAWN',
  revoked: 'CONSENT_INACTIVE',
  invalidated: 'CONSENT_INACTIVE',
  expired: 'CONSENT_EXPIRED',
  // One version only: the consent goes on, and what was asked on it can be asked again.
  superseded: 'CONSENT_SUPERSEDED',
};

/** consent.events.v1. */
export class ConsentEventsConsumer extends InboxConsumer<ConsentEvent> {
  constructor(
    withdraw: WithdrawConsented,
    notices: ConsentNotices,
    options: Omit<InboxConsumerOptions<ConsentEvent>, 'decode' | 'idOf' | 'exchangeOf' | 'handle' | 'consumer'>,
  ) {
    super({
      ...options,
      consumer: topics.consentEvents,
      decode: ({ value }) => ConsentEvent.decode(value),
      idOf: ({ log }) => log?.eventId ?? '',
      exchangeOf: ({ log }) => log?.consentId || undefined,
      handle: async (client, messages) => {
        const ended = messages.flatMap(({ body }): EndedConsent[] => {
          const code = endings[body.state];
          const consentId = body.log?.consentId;
          if (code === undefined || !isConsentId(consentId)) return [];
          return [{ consentId, code, ...(body.state === 'superseded' && { upTo: body.log?.consentVersion ?? 0 }) }];
        });
        const told = await notices.of(messages.map(({ body }) => body));
        if (ended.length > 0 || told.length > 0) await withdraw.withdraw(client, ended, told);
      },
    });
  }
}
