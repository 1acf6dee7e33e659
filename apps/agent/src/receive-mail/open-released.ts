import {
  kindRules,
  type LogBody,
  type Manifest,
  type MessageKind,
  openMessage,
  openReleasedKey,
  pseudonymOf,
  type Receipt,
  type SubjectIdentity,
  type VerificationKey,
  verifyReceipt,
} from '#envelope';
import { AppError, canonicalJson, err, ok, type Result } from '#kernel';
import type { Checkpoint, LogVerifier } from '#merkle';
import type { CategoryContentCheck } from '#catalogue';
import type { MessageContent } from '../domain/content.js';
import { disclosedBy, parseContent } from '../domain/parse-content.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

const releaseTypes = ['message-released', 'message-re-released'];

export interface Proven {
  readonly body: LogBody;
  readonly checkpoint: Checkpoint;
  readonly contentKey: Buffer;
}

/**
 * First half: does the receipt prove that *this* release stands in the log? Nothing of the message is opened here. The leaf
 * is recomputed from the opened body, so a correct proof of another release's leaf proves nothing.
 *
 * Errors: RECEIPT_INVALID, LEAF_MISMATCH, CHECKPOINT_INVALID, VAULT_KEY_MISSING and those of a token's shape.
 */
export async function proveRelease(
  agency: ServedAgency,
  manifest: Manifest,
  receipt: Receipt,
  logVerifier: LogVerifier,
): Promise<Result<Proven>> {
  const { context, manifestHash } = manifest;
  if (receipt.opening === undefined) return err(new AppError('RECEIPT_INVALID', 'the receipt has no opening'));
  const receivingKey = agency.receivingKey(context.recipientKey);
  if (!receivingKey.ok) return receivingKey;
  const opening = await openReleasedKey(receipt.opening, receivingKey.value);
  if (!opening.ok) return opening;
  const verified = verifyReceipt({ receipt, opening: opening.value, logVerifier, expected: { manifestHash } });
  if (!verified.ok) return verified;
  const { body, checkpoint } = verified.value;
  if (!releaseTypes.includes(body.type)) return err(new AppError('LEAF_MISMATCH', undefined, { field: 'type' }));
  const different = differenceBetween(body, manifest, agency);
  if (different !== undefined) return err(new AppError('LEAF_MISMATCH', undefined, { field: different }));
  if (opening.value.contentKey === undefined)
    return err(new AppError('RECEIPT_INVALID', 'the release came without its key'));
  return ok({ body, checkpoint, contentKey: opening.value.contentKey });
}

/** What the log entry says of the message must be what the manifest says. */
function differenceBetween(body: LogBody, { context }: Manifest, agency: ServedAgency): string | undefined {
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ['exchangeId', body.exchangeId, context.exchangeId],
    ['messageId', body.messageId, context.messageId],
    ['sender', body.sender, context.sender],
    ['recipient', body.recipient, context.recipient],
    ['recipient', body.recipient, agency.id],
    ['subjects', body.subjects ?? [], context.subjects],
    ['categories', body.categories ?? [], context.categories],
    ['basis', body.basis ?? [], context.basis],
    ['purpose', body.purpose, context.purpose],
  ];
  return pairs.find(([, logged, signed]) => canonicalJson(logged ?? null) !== canonicalJson(signed ?? null))?.[0];
}

export interface OpenedMail {
  readonly subjects: readonly SubjectIdentity[];
  readonly content: MessageContent;
}

/**
 * Second half: open, and compare what is signed inside with what was released; recompute each pseudonym from the identity
 * code that came along; validate each category's content. On any difference nothing is handed on.
 *
 * Errors: OPENED_MISMATCH, SIGNATURE_INVALID, HASH_MISMATCH, SCHEMA_INVALID, IDENTITY_CODE_INVALID, CATEGORY_UNKNOWN,
 * PSEUDONYM_KEY_MISSING (not the sender's fault: try again later).
 */
export async function openProven(
  agency: ServedAgency,
  mail: { readonly manifest: string; readonly outer: string },
  proven: Proven,
  senderKey: VerificationKey,
  manifest: Manifest,
  check: CategoryContentCheck,
): Promise<Result<OpenedMail>> {
  const receivingKey = agency.receivingKey(manifest.context.recipientKey);
  if (!receivingKey.ok) return receivingKey;
  const opened = await openMessage({
    manifest: mail.manifest,
    outer: mail.outer,
    contentKey: proven.contentKey,
    receivingKey: receivingKey.value,
    senderKey,
  });
  if (!opened.ok) return opened;
  const { context, subjects } = opened.value;
  const named = comparePseudonyms(agency, subjects);
  if (!named.ok) return named;
  const content = parseContent(context.kind, opened.value.content);
  if (!content.ok) return content;
  const valid = checkCategories(content.value, context.kind, context.categories, check);
  return valid.ok ? ok({ subjects, content: content.value }) : valid;
}

/** A pseudonym that is not that of the enclosed person would put the log entry under another's name. */
function comparePseudonyms(agency: ServedAgency, subjects: readonly SubjectIdentity[]): Result<void> {
  for (const subject of subjects) {
    const key = agency.pseudonymKeyOf(subject.pseudonym);
    if (!key.ok) return key;
    const computed = pseudonymOf(key.value, subject.type, subject.value);
    if (!computed.ok) return computed;
    if (computed.value !== subject.pseudonym) return mismatch('subjects');
  }
  return ok(undefined);
}

function checkCategories(
  content: MessageContent,
  kind: MessageKind,
  logged: readonly number[],
  check: CategoryContentCheck,
): Result<void> {
  if (content.type === 'request') {
    const asked = [...content.categories].sort((a, b) => a - b);
    return canonicalJson(asked) === canonicalJson(logged) ? ok(undefined) : mismatch('categories');
  }
  // What is disclosed must be what the log says is disclosed: neither more nor less. A kind without a gate discloses nothing;
  // its context names what it is about.
  const disclosed = kindRules[kind].gate === 'disclosure' ? logged : [];
  if (canonicalJson(disclosedBy(content)) !== canonicalJson(disclosed)) return mismatch('categories');
  if (!('items' in content)) return ok(undefined);
  for (const item of content.items) {
    if (item.outcome !== 'given') continue;
    const valid = check(item.category, item.content);
    if (!valid.ok) return valid;
  }
  return ok(undefined);
}

const mismatch = (field: string) => err(new AppError('OPENED_MISMATCH', undefined, { field }));
