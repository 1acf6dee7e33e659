import type { AgencyId, ErrorCode, EventId, ExchangeId, MessageId, Sha256, Thumbprint } from '#kernel';
import type { ExchangeState } from '../domain/exchange-state.js';
import type { ExchangeKind, OpeningKind } from '../domain/message-kinds.js';
import type { MessageState } from '../domain/message-state.js';

/** A row of `exchanges` whose first message was accepted. */
export interface OpenedExchange {
  readonly id: ExchangeId;
  state: ExchangeState;
  readonly openedBy: OpeningKind;
  readonly asker: AgencyId;
  readonly holder: AgencyId;
  readonly openingMessage: Sha256;
  categories: number[];
  deadline: Date | undefined;
  readonly openedAt: Date;
  closedAt: Date | undefined;
}

/** A locked row of `exchanges`; without `opened` it is only a place to lock. */
export interface LockedExchange {
  readonly id: ExchangeId;
  opened: OpenedExchange | undefined;
  lastNumber: number;
  changed: boolean;
}

export interface MessageRow {
  readonly manifestHash: Sha256;
  readonly exchangeId: ExchangeId;
  readonly messageId: MessageId;
  readonly sender: AgencyId;
  readonly recipient: AgencyId;
  readonly recipientKey: Thumbprint;
  readonly kind: ExchangeKind;
  state: MessageState;
  code: ErrorCode | undefined;
  readonly manifest: string;
  readonly expiresAt: Date;
  readonly acceptedEvent: EventId | undefined;
  leafIndex: bigint | undefined;
  /** Until when a release that was asked of audit may still succeed: nothing else ends the message before. */
  releasingUntil: Date | undefined;
  /** Why the message ends as soon as the release under way has failed. */
  endsWith: ErrorCode | undefined;
}

export interface NewMessage {
  readonly row: MessageRow;
  readonly ownsId: boolean;
  readonly inReplyTo: Sha256 | undefined;
  /** Consents that the basis names. */
  readonly consents: readonly string[];
  /** Ciphertext; none for a rejected message. */
  readonly body: { readonly capsule: string; readonly outer: string } | undefined;
}

export interface MessageSql {
  readonly manifest_hash: Sha256;
  readonly exchange_id: ExchangeId;
  readonly message_id: MessageId;
  readonly sender: AgencyId;
  readonly recipient: AgencyId;
  readonly recipient_key: Thumbprint;
  readonly kind: ExchangeKind;
  readonly state: MessageState;
  readonly code: ErrorCode | null;
  readonly manifest: string;
  readonly expires_at: Date;
  readonly accepted_event: EventId | null;
  readonly leaf_index: string | null;
  readonly releasing_until: Date | null;
  readonly ends_with: ErrorCode | null;
}

export const messageOf = (sql: MessageSql): MessageRow => ({
  manifestHash: sql.manifest_hash,
  exchangeId: sql.exchange_id,
  messageId: sql.message_id,
  sender: sql.sender,
  recipient: sql.recipient,
  recipientKey: sql.recipient_key,
  kind: sql.kind,
  state: sql.state,
  code: sql.code ?? undefined,
  manifest: sql.manifest,
  expiresAt: sql.expires_at,
  acceptedEvent: sql.accepted_event ?? undefined,
  leafIndex: sql.leaf_index === null ? undefined : BigInt(sql.leaf_index),
  releasingUntil: sql.releasing_until ?? undefined,
  endsWith: sql.ends_with ?? undefined,
});

export interface ExchangeSql {
  readonly id: ExchangeId;
  readonly state: ExchangeState | null;
  readonly opened_by: OpeningKind | null;
  readonly asker: AgencyId | null;
  readonly holder: AgencyId | null;
  readonly opening_message: Sha256 | null;
  readonly categories: number[];
  readonly deadline: Date | null;
  readonly last_number: number;
  readonly opened_at: Date | null;
  readonly closed_at: Date | null;
}

export function lockedExchangeOf(sql: ExchangeSql): LockedExchange {
  return { id: sql.id, opened: openedExchangeOf(sql), lastNumber: sql.last_number, changed: false };
}

export function openedExchangeOf(sql: ExchangeSql): OpenedExchange | undefined {
  const { id, state, opened_by, asker, holder, opening_message, opened_at } = sql;
  if (!state || !opened_by || !asker || !holder || !opening_message || !opened_at) return undefined;
  return {
    id,
    state,
    openedBy: opened_by,
    asker,
    holder,
    openingMessage: opening_message,
    categories: sql.categories,
    deadline: sql.deadline ?? undefined,
    openedAt: opened_at,
    closedAt: sql.closed_at ?? undefined,
  };
}
