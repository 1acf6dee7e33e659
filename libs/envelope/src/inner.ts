import type { Pseudonym } from '#kernel';
import type { MessageContext } from './context.js';
import { pseudonym } from './fields.js';
import { type IdentifierType, identifierTypes } from './pseudonyms.js';
import { type Check, closed, isRecord, list, oneOf, optional, text, that } from './shape.js';

export type JsonValue = null | boolean | number | string | JsonValue[] | { [member: string]: JsonValue };
export type JsonObject = { [member: string]: JsonValue };

/** Whom a pseudonym names. Stands inside the sealed part only. */
export interface SubjectIdentity {
  pseudonym: Pseudonym;
  type: IdentifierType;
  value: string;
  name?: string;
  /** The person has a turvakielto (non-disclosure for personal safety). It is never named as a reason. */
  protected?: true;
}

/** What the sender signs for the recipient alone. It repeats the whole context, so it cannot be passed on as another's. */
export interface InnerPayload {
  context: MessageContext;
  subjects: SubjectIdentity[];
  content: JsonObject;
}

export const subjectIdentity: Check<SubjectIdentity> = closed<SubjectIdentity>({
  pseudonym,
  type: oneOf(...identifierTypes),
  value: text(/^[^\p{Cc}]{1,64}$/u),
  name: optional(text(/^[^\p{Cc}]{1,200}$/u)),
  protected: optional(that((value): value is true => value === true)),
});

export const innerShape: Check<InnerPayload> = closed<InnerPayload>({
  // Compared as a whole with the manifest's context, which was parsed.
  context: () => undefined,
  subjects: list(subjectIdentity, { max: 16 }),
  content: that((value): value is JsonObject => isRecord(value)),
});
