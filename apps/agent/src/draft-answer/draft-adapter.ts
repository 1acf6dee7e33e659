import type { SubjectIdentity } from '#envelope';
import type { AgencyId, ExchangeId, MessageId, Result } from '#kernel';
import type { RequestContent } from '../domain/content.js';
import type { Draft } from '../domain/draft-rules.js';

/** What an adapter is asked. Only categories whose basis holds are asked of a register. */
export interface RegisterQuestion {
  readonly agency: AgencyId;
  readonly messageId: MessageId;
  readonly exchangeId: ExchangeId;
  readonly asker: AgencyId;
  readonly client: SubjectIdentity;
  readonly request: RequestContent;
  readonly categories: readonly number[];
  /** Calendar date in Finland. */
  readonly today: string;
}

/** One of the agency's own sources. It fills drafts and sends nothing. */
export interface DraftAdapter {
  /** `undefined` leaves a category to a person. Errors: ADAPTER_FAILED, upon which it is asked again later. */
  fill(question: RegisterQuestion): Promise<Result<ReadonlyMap<number, Draft | undefined>>>;
  close(): Promise<void>;
}
