import type { ConsentEvent } from '#contracts';
import { type ConsentNotice, type SigningKey, signStatement } from '#envelope';
import { type AgencyId, isAgencyId, isConsentId, isEventId, isPseudonym } from '#kernel';

/** A signed notice for one mailbox. */
export interface AddressedNotice {
  readonly agency: AgencyId;
  readonly notice: string;
}

/** What happened to consents, as signed notices for their parties' mailboxes. Who told it knows it. */
export class ConsentNotices {
  constructor(private readonly outcomeKey: SigningKey) {}

  async of(events: readonly ConsentEvent[]): Promise<AddressedNotice[]> {
    const addressed = await Promise.all(
      events.map(async (event) => {
        const notice = noticeOf(event);
        const parties = event.parties.filter(isAgencyId).filter((agency) => agency !== notice?.by);
        if (!notice || parties.length === 0) return [];
        const token = await signStatement('consent-notice', notice, this.outcomeKey);
        return parties.map((agency) => ({ agency, notice: token }));
      }),
    );
    return addressed.flat();
  }
}

/** Undefined of what is about no consent. */
function noticeOf({ log, state }: ConsentEvent): ConsentNotice | undefined {
  const [subject] = log?.subjects ?? [];
  if (!log?.at || !isConsentId(log.consentId) || !isEventId(log.eventId) || !isPseudonym(subject)) return undefined;
  return {
    v: 1,
    type: log.type,
    eventId: log.eventId,
    consentId: log.consentId,
    version: log.consentVersion,
    state,
    subject,
    ...(isAgencyId(log.actorAgency) && { by: log.actorAgency }),
    at: log.at.toISOString(),
  };
}
