import type { AgencyId, EventId, Result } from '#kernel';
import { agency, code, eventId, instant } from './fields.js';
import { type Check, closed, oneOf, parseAs, text } from './shape.js';

/** An alert was raised: told by exchange to the supervising authorities in their mailboxes. Names no person and no worker. */
export interface AlertNotice {
  v: 1;
  /** Event id of the log's entry `alert-raised`. */
  alert: EventId;
  /** Id of its rule, such as `break-glass`. */
  rule: string;
  /** Who did what the alert is about. */
  by: AgencyId;
  at: string;
  /** Path at the gateway where it is looked at. */
  look: string;
}

export const alertNotice: Check<AlertNotice> = closed<AlertNotice>({
  v: oneOf(1),
  alert: eventId,
  rule: code,
  by: agency,
  at: instant,
  look: text(/^(\/[a-z0-9-]{1,32}){1,8}$/),
});

/** Errors: MALFORMED. */
export const parseAlertNotice = (value: unknown): Result<AlertNotice> => parseAs(alertNotice, value);
