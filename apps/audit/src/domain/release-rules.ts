import { AppError, type ConsentId, type ErrorCode, type Result, type Sha256, numericDate } from '#kernel';
import { type ConsentWord, standingOf } from './consent-words.js';
import type { ReleaseType } from './entry-types.js';

/** Seconds by which an agency's clock may be ahead, and by which those of hub services may differ. */
const AGENCY_SKEW_S = 60;
const HUB_SKEW_S = 2;
/** Seconds for which a release request is good. */
const REQUEST_MAX_AGE_S = 60;

export interface ConsentVersion {
  readonly id: ConsentId;
  readonly version: number;
}

/** From the verified manifest. Times in seconds since the epoch. */
export interface MessageFacts {
  readonly manifestHash: Sha256;
  readonly iat: number;
  readonly exp: number;
  /** When the signing key counts: a signature is judged by the key's state when the message was accepted. */
  readonly signable: { readonly from: number; readonly until: number };
  /** The consents that the context names as its basis. */
  readonly consents: readonly ConsentVersion[];
}

/** From the verified release request. */
export interface RequestFacts {
  readonly hash: Sha256;
  readonly iat: number;
}

/** What consent said about exactly this message and this request. */
export type PermitFacts =
  | { readonly permitted: true; readonly iat: number; readonly exp: number }
  | { readonly permitted: false; readonly code: ErrorCode; readonly final: boolean };

/**
 * One release request with what cryptography and the directory say about it, each check with its own reason. The checks
 * that need no clock and no log are done before, side by side; this is what is judged in the order of the log.
 */
export interface ReleaseCase {
  /** The directory's snapshot is fresh enough to judge by. */
  readonly directory: Result<void>;
  /** Shape, and signature by the sender's logged signing key. */
  readonly message: Result<MessageFacts>;
  /** Signature by the recipient's logged signing key; for this manifest. */
  readonly request: Result<RequestFacts>;
  /** The recipient is active, and the key that the context names is a logged receiving key, not revoked. */
  readonly recipientKey: Result<void>;
  /** Signature by the pinned permit key; for this manifest, this request, and the basis that the context states. */
  readonly permit: Result<PermitFacts>;
  /** Opened with the release key; its context hash and outer hash are the manifest's. */
  readonly capsule: Result<{ readonly destroyAfter: number }>;
  /** The accepted event that came along is this message's. `undefined`: none came. */
  readonly accepted: Result<{ readonly at: number } | undefined>;
  /** Size of the tree that the recipient has seen. */
  readonly seenSize: number;
}

/** An earlier entry about the same release request (agency and jti). */
export interface RequestWord {
  readonly leafIndex: number;
  readonly type: ReleaseType;
  readonly requestHash: Sha256;
  readonly code: string;
}

/** What audit's own log says, up to the entry before this one. */
export interface LogWords {
  readonly size: number;
  /** When the message was accepted, where that is logged. */
  readonly acceptedAt: number | undefined;
  readonly released: boolean;
  /** Type of the entry that ended the message. */
  readonly ended: string | undefined;
  readonly consentWords: (id: ConsentId) => readonly ConsentWord[];
  readonly sameRequest: readonly RequestWord[];
}

export type Verdict =
  | { readonly kind: 'release'; readonly type: 'message-released' | 'message-re-released' }
  /** The same request again: the same leaf, the key sealed again. */
  | { readonly kind: 'repeat'; readonly leafIndex: number; readonly type: ReleaseType }
  | {
      readonly kind: 'refuse';
      readonly error: AppError;
      /** The message can never be released again. */
      readonly final: boolean;
      /** False where nothing could be judged, so that there is nothing to log: the caller tries again. */
      readonly logged: boolean;
      /** The same request was refused for the same reason before. */
      readonly leafIndex?: number;
    };

/** Reasons that no further request about the same message can overcome. Of consents their standing, or the permit, says so. */
const finalCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CAPSULE_MISMATCH',
  'EXP_TOO_LATE',
  'KEY_REVOKED',
  'MESSAGE_EXPIRED',
  'MESSAGE_FINAL',
  'RELEASE_KEY_DESTROYED',
]);

const transientCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['DIRECTORY_STALE', 'UNAVAILABLE']);

/**
 * May this key be given out now (design 2, "Who checks what")? All reasons in one place. The order: who asks and for
 * what; what the log already knows; the subject's and the authorities' last word; what consent says; the capsule. A withdrawal that
 * is logged therefore stops a release even under a valid permit.
 */
export function judgeRelease(asked: ReleaseCase, log: LogWords, now: Date): Verdict {
  const at = numericDate(now);
  const refused = (error: AppError, final = finalCodes.has(error.code)): Verdict => {
    // What failed verification names a request only as hearsay.
    const before = asked.request.ok
      ? log.sameRequest.find((word) => word.type === 'release-refused' && word.code === error.code)
      : undefined;
    const logged = !transientCodes.has(error.code);
    return { kind: 'refuse', error, final, logged, ...(before && { leafIndex: before.leafIndex }) };
  };
  const refuse = (code: ErrorCode, detail?: string): Verdict => refused(new AppError(code, detail));

  for (const check of [asked.directory, asked.message, asked.request, asked.accepted]) {
    if (!check.ok) return refused(check.error);
  }
  const { message, request, accepted, permit, capsule } = asked;
  if (!message.ok || !request.ok || !accepted.ok) throw new Error('a failed check was passed over');

  const age = at - request.value.iat;
  if (age > REQUEST_MAX_AGE_S || age < -AGENCY_SKEW_S) return refuse('RELEASE_REQUEST_INVALID', 'not fresh');
  if (message.value.iat > at + AGENCY_SKEW_S) return refuse('IAT_IN_FUTURE');
  if (message.value.exp <= at) return refuse('MESSAGE_EXPIRED');
  if (accepted.value && accepted.value.at > at + HUB_SKEW_S) return refuse('IAT_IN_FUTURE', 'accepted in the future');
  const acceptedAt = log.acceptedAt ?? accepted.value?.at;
  if (acceptedAt === undefined) return refuse('NOT_IN_MAILBOX', 'never accepted');
  const { from, until } = message.value.signable;
  if (acceptedAt < from || acceptedAt >= until)
    return refuse('SIGNATURE_INVALID', 'the key did not count when the message was accepted');
  if (log.ended !== undefined) return refuse('MESSAGE_FINAL', log.ended);
  if (asked.seenSize > log.size) return refuse('LOG_INCONSISTENT', 'the recipient has seen a longer log');
  if (!asked.recipientKey.ok) return refused(asked.recipientKey.error);

  for (const { id, version } of message.value.consents) {
    const standing = standingOf(version, log.consentWords(id));
    if (standing.holds) continue;
    // The permit may outrun the consent's own event. Without that entry nobody could check the basis later.
    if (standing.code === 'unknown') return refuse('UNAVAILABLE', 'the consent is not in the log yet');
    return refused(new AppError(standing.code), standing.final);
  }

  if (!permit.ok) return refused(permit.error);
  if (!permit.value.permitted) return refused(new AppError(permit.value.code), permit.value.final);
  if (at < permit.value.iat - HUB_SKEW_S || at >= permit.value.exp + HUB_SKEW_S)
    return refuse('PERMIT_INVALID', 'not valid at this time');
  if (!capsule.ok) return refused(capsule.error);
  if (message.value.exp > capsule.value.destroyAfter) return refuse('EXP_TOO_LATE');

  const same = log.sameRequest.find((word) => word.type !== 'release-refused');
  if (same) {
    return same.requestHash === request.value.hash
      ? { kind: 'repeat', leafIndex: same.leafIndex, type: same.type }
      : refuse('RELEASE_REQUEST_INVALID', 'the jti was used for another request');
  }
  return { kind: 'release', type: log.released ? 'message-re-released' : 'message-released' };
}
