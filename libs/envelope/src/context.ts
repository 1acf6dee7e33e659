import {
  type AgencyId,
  AppError,
  type ExchangeId,
  type MessageId,
  type Pseudonym,
  type Result,
  type Sha256,
  type Thumbprint,
  canonicalJson,
  err,
  ok,
  sha256,
} from '#kernel';
import { type Basis, basisItem, coversOnce, purposeCode } from './basis.js';
import {
  agency,
  categories,
  dataPeriod,
  day,
  exchangeId,
  hash,
  messageId,
  numericDate,
  subjects,
  thumbprint,
} from './fields.js';
import { closed, list, oneOf, optional, parseAs } from './shape.js';

export const messageKinds = [
  'request',
  'consultation',
  'answer',
  'referral',
  'transfer',
  'refusal',
  'clarification',
  'withdrawal-notice',
  'notice',
] as const;
export type MessageKind = (typeof messageKinds)[number];

export interface KindRule {
  /** Does the manifest state a basis for each category, which must hold at release? */
  readonly needsBasis: boolean;
  /** `standing`: the asker's own right to ask. `disclosure`: the discloser's signed choice. */
  readonly gate: 'standing' | 'disclosure' | 'none';
  /** Does its release use up one use of a consent? */
  readonly countsAsUse: boolean;
  /** May it carry more about a person than whom it concerns? */
  readonly personalContent: boolean;
  /** Must it name the manifest that it answers? */
  readonly repliesTo: 'required' | 'optional';
  /** May it state urgency and a wished deadline? */
  readonly asks: boolean;
}

const asking = { needsBasis: true, gate: 'standing', countsAsUse: false, personalContent: true } as const;
const disclosing = { needsBasis: true, gate: 'disclosure', countsAsUse: true, personalContent: true } as const;
const logged = { needsBasis: false, gate: 'none', countsAsUse: false, personalContent: false } as const;

/** Design page 2, "Which gate for which kind". All kinds are sealed, released and logged alike. */
export const kindRules: Readonly<Record<MessageKind, KindRule>> = {
  request: { ...asking, repliesTo: 'optional', asks: true },
  consultation: { ...asking, repliesTo: 'optional', asks: true },
  answer: { ...disclosing, repliesTo: 'required', asks: false },
  referral: { ...disclosing, repliesTo: 'optional', asks: false },
  transfer: { ...disclosing, repliesTo: 'optional', asks: false },
  refusal: { ...logged, repliesTo: 'required', asks: false },
  clarification: { ...logged, repliesTo: 'required', asks: false },
  'withdrawal-notice': { ...logged, repliesTo: 'optional', asks: false },
  notice: { ...logged, repliesTo: 'optional', asks: false },
};

/** What the hub may see of a message; the signed inside repeats it. Canonical JSON is its only form. */
export interface MessageContext {
  v: 1;
  /** Leaves room for another suite, such as a post-quantum hybrid. */
  suite: 'KV1';
  messageId: MessageId;
  exchangeId: ExchangeId;
  kind: MessageKind;
  /** Hash of the manifest that this one answers. */
  inReplyTo?: Sha256;
  sender: AgencyId;
  recipient: AgencyId;
  /** Receiving key to which the inside is sealed. */
  recipientKey: Thumbprint;
  subjects: Pseudonym[];
  purpose: string;
  /** Sorted, unique. Of an answer: the disclosed ones. */
  categories: number[];
  basis: Basis[];
  /** Calendar dates, both included, to which the asked or disclosed data belongs. */
  dataPeriod?: { from: string; to: string };
  urgency?: 'urgent' | 'normal' | 'consultation';
  /** Calendar date that the asker wishes; exchange decides the real one. */
  deadline?: string;
  /** Seconds since the epoch. */
  iat: number;
  /** Seconds since the epoch; limits acceptance and release. */
  exp: number;
  /** Empty until messages may have attachments. */
  blobs: [];
}

const contextShape = closed<MessageContext>({
  v: oneOf(1),
  suite: oneOf('KV1'),
  messageId,
  exchangeId,
  kind: oneOf(...messageKinds),
  inReplyTo: optional(hash),
  sender: agency,
  recipient: agency,
  recipientKey: thumbprint,
  subjects,
  purpose: purposeCode,
  categories,
  // Judged apart, because it has an error code of its own.
  basis: () => undefined,
  dataPeriod: optional(dataPeriod),
  urgency: optional(oneOf('urgent', 'normal', 'consultation')),
  deadline: optional(day),
  iat: numericDate,
  exp: numericDate,
  blobs: (value, at) => (Array.isArray(value) && value.length === 0 ? undefined : at),
});
const basisShape = list(basisItem, { max: 16 });

/**
 * A context, if it is one: closed shape, and the rules that a context alone can break. Never throws.
 * Errors: MALFORMED, BASIS_MALFORMED (a category in no or several items, or a basis where the kind has none).
 */
export function parseContext(value: unknown): Result<MessageContext> {
  const shaped = parseAs(contextShape, value);
  if (!shaped.ok) return shaped;
  const context = shaped.value;
  const rule = kindRules[context.kind];
  if (context.sender === context.recipient) return malformed('recipient');
  if (context.exp <= context.iat) return malformed('exp');
  if (rule.repliesTo === 'required' && context.inReplyTo === undefined) return malformed('inReplyTo');
  if (!rule.needsBasis && context.dataPeriod !== undefined) return malformed('dataPeriod');
  if (!rule.asks && context.urgency !== undefined) return malformed('urgency');
  if (!rule.asks && context.deadline !== undefined) return malformed('deadline');
  if (rule.needsBasis && context.categories.length === 0) return malformed('categories');
  const basis = parseAs(basisShape, context.basis, 'BASIS_MALFORMED');
  if (!basis.ok) return basis;
  return coversOnce(basis.value, rule.needsBasis ? context.categories : [])
    ? ok(context)
    : err(new AppError('BASIS_MALFORMED'));
}

const malformed = (field: string) => err(new AppError('MALFORMED', undefined, { field }));

/** SHA-256 over the canonical JSON: what a capsule is bound to. */
export const contextHash = (context: MessageContext): Sha256 => sha256(canonicalJson(context));
