import { Inject, Injectable } from '@nestjs/common';
import { dayInHelsinki } from '#calendar';
import { type Catalogue, findCategory, findRefusalReason } from '#catalogue';
import { AppError, type Clock, err, ok, type Result } from '#kernel';
import { CLOCK, type Queryable } from '#platform';
import type { AnswerItem, Officer } from '../domain/content.js';
import { type Decision, type Draft, mayLeave, refusedItem, releaseTime } from '../domain/draft-rules.js';
import { DraftStore } from '../infra/draft-store.js';
import { InboxStore, type ReceivedMessage } from '../infra/inbox-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

/** Turns drafts into decisions, and says when an answer is complete and may leave. */
@Injectable()
export class SettleReply {
  constructor(
    @Inject(DraftStore) private readonly drafts: DraftStore,
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** A decision in the catalogue's words. Errors: MALFORMED (unknown reason, holder). */
  decide(catalogue: Catalogue, category: number, draft: Draft, by: Officer | 'register'): Result<Decision> {
    const item = this.itemOf(catalogue, category, draft);
    return item.ok ? ok({ item: item.value, by, at: this.clock.now().toISOString() }) : item;
  }

  /**
   * When all categories are decided: marks the reply as decided, with the moment at which it leaves. Runs in the transaction
   * of the last decision. Returns whether it was complete. Errors: APPROVAL_REQUIRED.
   */
  async settle(
    client: Queryable,
    agency: ServedAgency,
    request: Pick<ReceivedMessage, 'sender' | 'messageId' | 'openedAt'>,
    catalogue: Catalogue,
  ): Promise<Result<boolean>> {
    const items = await this.drafts.items(agency.id, request.sender, request.messageId, client);
    if (items.length === 0 || items.some(({ state }) => state !== 'decided')) return ok(false);
    const now = this.clock.now();
    const day = dayInHelsinki(now);
    const decides = (category: number): boolean => findCategory(catalogue.categories, category, day)?.decides ?? true;
    const allowed = mayLeave(items, decides);
    if (!allowed.ok) return allowed;
    const delayed = items.some(({ decision }) => decision !== null && isDelayed(catalogue, decision.item, day));
    const notBefore = releaseTime(agency.settings.refusalWindow, {
      openedAt: request.openedAt ?? now,
      decidedAt: now,
      delayed,
    });
    await this.inbox.setReply(client, agency.id, request, 'decided', notBefore);
    return ok(true);
  }

  private itemOf(catalogue: Catalogue, category: number, draft: Draft): Result<AnswerItem> {
    if (draft.outcome !== 'refused') return ok({ ...draft, category });
    const reason = findRefusalReason(catalogue.refusalReasons, draft.reason, dayInHelsinki(this.clock.now()));
    if (!reason) return err(new AppError('MALFORMED', 'no such refusal reason', { category }));
    return refusedItem(category, reason, draft);
  }
}

const isDelayed = (catalogue: Catalogue, item: AnswerItem, day: string): boolean =>
  item.outcome === 'refused' && (findRefusalReason(catalogue.refusalReasons, item.reason, day)?.delayed ?? true);
