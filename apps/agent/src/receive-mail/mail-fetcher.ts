import { Inject, Injectable } from '@nestjs/common';
import { readManifest } from '#envelope';
import type { AgencyId, Clock } from '#kernel';
import { CLOCK, LOGGER, type Logger } from '#platform';
import type { MailItem } from '../hub-client/hub-client.js';
import { ExchangeStore } from '../infra/exchange-store.js';
import { type ArrivedMessage, type ArrivedNotice, InboxStore } from '../infra/inbox-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

/** Who opens mail where nobody has to ask for it. */
export const ON_ARRIVAL = 'on-arrival';

/** Fetches mail by long poll. What is stored is acknowledged by the next poll and not before. */
@Injectable()
export class MailFetcher {
  private readonly positions = new Map<AgencyId, number>();

  constructor(
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * One poll. Returns how many items came.
   *
   * @param wait seconds to wait for mail, at most 25
   */
  async runOnce(agency: ServedAgency, wait: number, signal?: AbortSignal): Promise<number> {
    if (agency.onboarding) return 0;
    const after = this.positions.get(agency.id) ?? (await this.inbox.position(agency.id));
    const items = await agency.hub.readMailbox(after, wait, signal);
    if (items.length === 0) return 0;
    const messages = items.flatMap((item) => this.messageOf(agency, item));
    const openings = await this.exchanges.openings(
      agency.id,
      messages.map(({ exchangeId }) => exchangeId),
    );
    const position = Math.max(...items.map(({ number }) => number));
    await this.inbox.store(agency.id, {
      after: position,
      messages: messages.map((message) => {
        const opening = openings.get(message.exchangeId) ?? agency.settings.opening;
        // Notices tell nothing about a person, and the pseudonym key comes by one.
        const atOnce = opening === 'on-arrival' || message.kind === 'notice';
        return { ...message, openBy: atOnce ? ON_ARRIVAL : undefined };
      }),
      notices: items.flatMap(noticeOf),
      at: this.clock.now(),
    });
    // Only now: what is acknowledged was stored.
    this.positions.set(agency.id, position);
    return items.length;
  }

  /** Shape only. What the hub delivers without one is no message: it is told and passed over. */
  private messageOf(agency: ServedAgency, { number, message }: MailItem): ArrivedMessage[] {
    if (!message) return [];
    const manifest = readManifest(message.manifest);
    if (!manifest.ok || manifest.value.context.recipient !== agency.id) {
      this.logger.error({ agency: agency.id, number }, 'the mailbox holds what is no message for this agency');
      return [];
    }
    const { context, manifestHash } = manifest.value;
    return [
      {
        number,
        messageId: context.messageId,
        sender: context.sender,
        exchangeId: context.exchangeId,
        kind: context.kind,
        inReplyTo: context.inReplyTo,
        categories: context.categories,
        manifest: message.manifest,
        outer: message.outer,
        manifestHash,
      },
    ];
  }
}

const noticeOf = ({ number, notice }: MailItem): ArrivedNotice[] =>
  notice === undefined ? [] : [{ number, token: notice }];
