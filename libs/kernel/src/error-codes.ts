/**
 * Every code that leaves a process, with its HTTP status and what the caller can do. Codes are stable: clients switch on
 * them, wording may change. One table, so that documentation and problem+json (RFC 9457) cannot drift apart.
 */
export const errorCodes = {
  // the edge
  MALFORMED: [400, 'The request does not have the documented shape. Compare it with the OpenAPI document.'],
  UNAUTHENTICATED: [401, 'Get an access token from the identity service and send it with a DPoP proof.'],
  DPOP_INVALID: [401, 'Make a fresh DPoP proof for this method, URL and token.'],
  USE_DPOP_NONCE: [401, 'Repeat the request with the nonce of the DPoP-Nonce header.'],
  INSUFFICIENT_SCOPE: [
    403,
    'The token is of another client of the agency than this call is for: the log is the auditor’s, everything else the agency’s own. Ask for a token as that client.',
  ],
  FORBIDDEN: [403, 'This caller has no right to this. Ask the operator of your organisation.'],
  NOT_FOUND: [404, 'There is no such thing among those that you may see. Check the identifier.'],
  CONFLICT: [409, 'The state has changed. Read it again, then decide.'],
  CONTENT_TOO_LARGE: [413, 'Content may have 32 KiB and a post 128 KiB. Send less.'],
  RATE_LIMITED: [429, 'Too many requests. Wait for the time in Retry-After.'],
  SUBJECT_QUOTA_EXCEEDED: [
    429,
    'This agency has asked about this person as often as a day allows. Wait for the time in Retry-After.',
  ],
  ENUMERATION_QUOTA_EXCEEDED: [
    429,
    'This agency has asked about as many different persons as a day allows. Wait for the time in Retry-After.',
  ],
  INTERNAL: [500, 'An error on our side. Send the same again later; nothing was half-stored.'],
  UNAVAILABLE: [503, 'A part of the service is down. Send the same again after Retry-After.'],
  DIRECTORY_STALE: [503, 'The directory snapshot is too old to decide on. Send the same again after Retry-After.'],
  TIMEOUT: [504, 'The answer took too long. Send the same again; repeating is harmless.'],
  // messages
  MESSAGE_ID_REUSED: [409, 'This message id was used for another message. Use a new id.'],
  SIGNATURE_INVALID: [
    422,
    'The signature does not verify with the logged signing key of the sender. Check the key and sign again.',
  ],
  HASH_MISMATCH: [422, 'The manifest does not match outer or capsule. Seal the message again.'],
  SENDER_MISMATCH: [403, 'Sender, signer and token must be the same agency.'],
  TOKEN_CHARACTERS: [422, 'Compact JOSE tokens may contain A-Z a-z 0-9 _ - . only.'],
  ALG_NOT_ALLOWED: [422, 'The algorithm is outside the accepted profile.'],
  TYP_MISMATCH: [422, 'The token is of another kind than this call takes.'],
  MESSAGE_EXPIRED: [422, 'The message is past its exp. Seal it again with a later one.'],
  EXP_TOO_LATE: [422, 'exp lies beyond the destruction of the release key. Choose an earlier one.'],
  IAT_IN_FUTURE: [422, 'iat lies in the future by more than the allowed skew. Set the clock.'],
  AGENCY_NOT_ONBOARDED: [422, 'The sender is not onboarded or is suspended. Ask the operator.'],
  RECIPIENT_UNKNOWN: [422, 'The recipient is not onboarded. Ask the directory for the route.'],
  RECIPIENT_KEY_UNKNOWN: [422, 'The recipient key is not a logged, valid receiving key. Fetch the keys again.'],
  RELEASE_KEY_UNKNOWN: [422, 'The capsule is not sealed to a current release key. Fetch the keys again.'],
  KEY_REVOKED: [422, 'The key was revoked. Seal the message again to the present key.'],
  KEY_NOT_LOGGED: [422, 'The key has no clear leaf in the log. Do not use it; tell the operator.'],
  KEY_UNTRUSTED: [422, 'The new key is signed neither by the previous key nor by the recovery key.'],
  CATEGORY_UNKNOWN: [422, 'There is no such information category on that day.'],
  CATEGORY_NOT_HELD: [422, 'The recipient is no holder of this category, or the sender may not ask for it.'],
  PURPOSE_UNKNOWN: [422, 'There is no such purpose.'],
  DEADLINE_PASSED: [422, 'The deadline of the exchange has passed. Open a new exchange.'],
  DEADLINE_INVALID: [422, 'The deadline is not one that the rules allow.'],
  EXCHANGE_PARTIES_MISMATCH: [422, 'The first message fixed the parties of this exchange. Open a new one.'],
  EXCHANGE_CLOSED: [422, 'The exchange has reached its final state. Open a new one.'],
  EXCHANGE_ORDER: [422, 'This kind of message does not fit the present state of the exchange.'],
  // basis and release
  NO_BASIS: [403, 'No basis that holds now covers this.'],
  BASIS_MALFORMED: [422, 'The basis must name processing and secrecyLift for each category once.'],
  STATUTE_UNKNOWN: [422, 'The catalogue has no such provision on that day.'],
  STATUTE_NOT_APPLICABLE: [403, 'The provision does not cover these parties, categories or purpose on that day.'],
  CONSENT_WITHDRAWN: [403, 'The client has withdrawn the consent.'],
  CONSENT_EXPIRED: [403, 'The consent has ended.'],
  CONSENT_NOT_YET_VALID: [403, 'The consent does not hold yet.'],
  CONSENT_SUPERSEDED: [
    403,
    'A newer version of the consent replaces this one. Send it again: it then rests on the newest.',
  ],
  CONSENT_INACTIVE: [403, 'The consent is not in force.'],
  CONSENT_TOO_NARROW: [403, 'The consent does not cover these parties, categories or purpose.'],
  CONSENT_USED_TOO_OFTEN: [403, 'The consent allows no more uses in this time. Try again when the time is over.'],
  CONSENT_USED_UP: [403, 'The consent was for fewer uses.'],
  MANDATE_ENDED: [403, 'The mandate or order of who decided has ended. Ask the client, or who decides now.'],
  PROCEDURE_INVALID: [422, 'This procedure has other parties, categories, clients or periods. See the rule.'],
  CONSENT_ID_REUSED: [409, 'This consent id was used for another consent. Use a new id.'],
  CONSENT_NEEDLESS: [422, 'The law gives all of this already. Do not ask the client for what the law gives.'],
  CONSENT_ANSWER_MISSING: [
    422,
    'Each category and recipient needs a yes or a no, once. Ask the client; there is no default.',
  ],
  NOTICE_UNKNOWN: [422, 'There is no notice of that version in that language. See GET /v1/notices.'],
  CONSENT_INVALID: [422, 'The consent record is not valid. Compare it with the OpenAPI document.'],
  CONSENT_NOT_AS_PROPOSED: [
    422,
    'The record agrees to something else or to more than its proposal asked. Record what the client was asked.',
  ],
  CONSENT_PROPOSAL_LAPSED: [422, 'The time to answer the proposal is over. Propose again.'],
  SUSPENDED_BY_ANOTHER: [403, 'Only who suspended the consent resumes it. Ask the client or that agency.'],
  DECIDER_NOT_ENTITLED: [
    422,
    'These are not the ones who decide for this person: an adult alone or by guardian or mandate, from fifteen years the person beside a custodian, guardian or representative, before that one of those.',
  ],
  CUSTODIANS_INCOMPLETE: [422, 'Say whether custody is sole or joint. Where it is joint, both custodians decide.'],
  DECIDER_UNVERIFIED: [422, 'Who decides for another needs the time of verification, and an order its reference.'],
  DECIDER_EXCLUDED: [403, 'This person may not decide here. Ask another custodian, or for a substitute guardian.'],
  MANDATE_STALE: [403, 'The right to decide was verified too long ago. Verify it again.'],
  NOT_IN_MAILBOX: [404, 'There is no such message in the mailbox of this agency.'],
  MESSAGE_FINAL: [409, 'The message has reached a final state and can no longer be released.'],
  RELEASE_REQUEST_INVALID: [422, 'The release request does not fit the message or is too old. Sign a fresh one.'],
  PERMIT_INVALID: [403, 'The permit does not fit message, basis or release request.'],
  CAPSULE_MISMATCH: [422, 'The capsule belongs to another message.'],
  RELEASE_KEY_DESTROYED: [410, 'The release key of that month is destroyed. The message can no longer be opened.'],
  // log and receipts
  RECEIPT_INVALID: [422, 'The receipt does not prove this entry. Open nothing; tell the auditor.'],
  LOG_INCONSISTENT: [409, 'The checkpoint is not consistent with the last one. Open nothing; tell the auditor.'],
  CHECKPOINT_INVALID: [422, 'The checkpoint is not signed by the configured log key.'],
  LEAF_MISMATCH: [422, 'The entry does not hash to the leaf.'],
  LOG_NOT_WITNESSED: [
    503,
    'Not enough operators have cosigned the log. Ask the hub and the witnesses; compare checkpoints with others.',
  ],
  // erasure, holds, alerts
  RETENTION_UNCONFIRMED: [
    422,
    'Nobody has compared the periods of these retention classes with the law. The controller accepts each of them in the signed proposal, or nothing is erased by them.',
  ],
  LOOK_UNPROVED: [
    403,
    'The auditor has not signed this question: this call with these parameters, a moment ago, once. Sign it anew.',
  ],
  ENTRY_KEPT: [422, 'The floor of their retention class keeps these entries. See `kotovayla retention due`.'],
  GROUND_UNKNOWN: [422, 'The retention data has no such ground or class. See `kotovayla retention list`.'],
  NOTHING_TO_ERASE: [422, 'No entry that may be erased is selected.'],
  SAME_HAND: [403, 'Whoever asked does not approve. A second person approves, with another agency’s key.'],
  TARGETS_DIFFER: [409, 'These are not the entries that the proposal selects. Read it again, then decide.'],
  NOT_APPROVED: [409, 'No approved erasure waits. See `kotovayla erase status`.'],
  LEGAL_HOLD: [409, 'A legal hold covers entries of it. It is erased when the hold is lifted.'],
  TOO_FEW_PERSONS: [
    409,
    'A tombstone over so few persons’ entries would show which belong together. It runs with more, or when it has waited as long as the retention data says.',
  ],
  // access in an emergency
  REASON_UNKNOWN: [422, 'Access in an emergency needs a reason of the rules. The detail names them.'],
  ACCESS_ENDED: [403, 'This access is over: its time, its number of entries, or by a review.'],
  REVIEW_NEEDED: [409, 'A supervising authority reviews access in an emergency first: kotovayla break-glass review.'],
  // the agent
  OPENED_MISMATCH: [422, 'What was sealed inside differs from what was released. Nothing was handed on.'],
  SCHEMA_INVALID: [422, 'The content does not fit the JSON Schema of its category.'],
  IDENTITY_CODE_INVALID: [422, 'The personal identity code is not valid. Check it.'],
  APPROVAL_REQUIRED: [409, 'A person must approve this by name, title and unit before it leaves.'],
  CLIENT_PROTECTED: [
    409,
    'This would tell where a client lives who is protected. Leave out the fields that tell it, or refuse.',
  ],
  REPORT_REASON_NEEDED: [
    422,
    'So far back the account needs a reason, which stands in it. State it, or ask for a shorter time.',
  ],
  ROUTE_UNKNOWN: [422, 'Nobody answers for this matter in the directory. See the contact it names.'],
  SENT_ELSEWHERE: [
    409,
    'The log shows a message of this agency that its agent does not know. After a restore it is one that was lost; else somebody has the keys: revoke them.',
  ],
  VAULT_LOCKED: [503, 'The key vault could not be opened. Check passphrase or key file.'],
  VAULT_DAMAGED: [500, 'The vault file is incomplete or was changed. Restore the backup that lies beside it.'],
  VAULT_KEY_MISSING: [500, 'The vault has no such key. Restore it from the backup.'],
  PSEUDONYM_KEY_MISSING: [503, 'This agency has no pseudonym key yet. Finish onboarding.'],
  // the client's own account at an agent
  LOGIN_UNKNOWN: [403, 'This browser has no such login: it was used, took too long, or began elsewhere. Log in again.'],
  LOGIN_STATE_MISMATCH: [
    403,
    'The answer belongs to another login than the one that this browser began. Log in again.',
  ],
  LOGIN_FAILED: [403, 'The identification service identified nobody. Log in again.'],
  IDENTIFICATION_INVALID: [
    403,
    'The answer of the identification service does not fit this login: its issuer, its signature, or for whom it was made. Log in again.',
  ],
  IDENTIFICATION_TOO_WEAK: [403, 'The account needs strong identification. Log in by another means.'],
  IDENTIFICATION_TOO_OLD: [403, 'The account is shown to who was identified just now. Log in again.'],
  ACCOUNT_SESSION_ENDED: [401, 'Nobody is logged in, or the time is over. Log in again.'],
  FORM_INVALID: [403, 'The form does not belong to this login. Open the account again and repeat.'],
  ADAPTER_FAILED: [502, 'The register of the agency did not answer. The request stays in the inbox.'],
  // operations
  CONFIG_INVALID: [500, 'The configuration is not complete. See every error listed.'],
  PARKED: [500, 'The message could not be processed. An operator must retry or discard it.'],
} as const satisfies Record<string, readonly [status: number, advice: string]>;

export type ErrorCode = keyof typeof errorCodes;

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(errorCodes, value);
export const statusOf = (code: ErrorCode): number => errorCodes[code][0];
export const adviceOf = (code: ErrorCode): string => errorCodes[code][1];
