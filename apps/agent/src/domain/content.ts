import type { AgencyId, ConsentId } from '#kernel';

/** A person of an agency who asks or decides. Named to the other agency; in the log by a pseudonym only. */
export interface Officer {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly telephone?: string;
}

/** What is sealed in a request (design: "A request states"). The client's identity stands beside it, in the subjects. */
export interface RequestContent {
  readonly type: 'request';
  readonly categories: readonly number[];
  readonly purpose: string;
  /** Why each of it is necessary, in a sentence or two. */
  readonly necessity: string;
  readonly period?: Period;
  readonly caseNumber: string;
  readonly officer: Officer;
  /** Of each consent that it rests on and the asker collected: what shows it. */
  readonly consentEvidence?: readonly ToldEvidence[];
  /** What was asked back, made clear. */
  readonly clarification?: string;
}

/** What shows a consent, with the salt by which the discloser recomputes the hash in the record. */
export interface ToldEvidence {
  readonly consentId: ConsentId;
  readonly version: number;
  /** Canonical JSON of `ConsentEvidence`. */
  readonly evidence: string;
  readonly salt: string;
}

/** Calendar dates, both included. */
export interface Period {
  readonly from: string;
  readonly to: string;
}

export interface GivenItem {
  readonly category: number;
  readonly outcome: 'given';
  readonly content: Readonly<Record<string, unknown>>;
  readonly asOf: string;
  readonly source: string;
}

/** A lawful "no": the basis covers saying that the register has nothing. */
export interface NoRecordItem {
  readonly category: number;
  readonly outcome: 'no-record';
  readonly asOf: string;
  readonly source: string;
}

/** Between authorities: the reason, its provision, and that the matter can be brought to the authority for decision. */
export interface RefusedItem {
  readonly category: number;
  readonly outcome: 'refused';
  readonly reason: string;
  readonly provisions: readonly string[];
  readonly text: Texts;
  readonly remedy: Texts;
  /** With the reason `not-holder`: who is. */
  readonly holder?: AgencyId;
}

export interface Texts {
  readonly fi: string;
  readonly sv: string;
  readonly en: string;
}

export type AnswerItem = GivenItem | NoRecordItem | RefusedItem;

export interface AnswerContent {
  readonly type: 'answer' | 'refusal';
  readonly items: readonly AnswerItem[];
  readonly caseNumber?: string;
  /** Absent where a register answered without a person. */
  readonly decidedBy?: Officer;
  readonly secrecy: typeof secrecyMark;
}

export interface ClarificationContent {
  readonly type: 'clarification';
  readonly question: string;
  readonly officer: Officer;
}

export interface ReferralContent {
  readonly type: 'referral';
  readonly reason: string;
  readonly items: readonly GivenItem[];
  readonly caseNumber: string;
  readonly officer: Officer;
}

export interface PseudonymKeyContent {
  readonly type: 'pseudonym-key';
  readonly token: string;
}

export type MessageContent =
  RequestContent | AnswerContent | ClarificationContent | ReferralContent | PseudonymKeyContent;

/** Stamp of secret documents (Openness Act 621/1999 §25). */
export const secrecyMark = { fi: 'Salassa pidettävä', sv: 'Sekretessbelagd', en: 'Secret' } as const;

/** Openness Act 621/1999 §14: the official who refuses tells that the matter can be brought to the authority. */
export const remedy: Texts = {
  fi: 'Asian voi saattaa viranomaisen ratkaistavaksi.',
  sv: 'Ärendet kan föras till myndigheten för avgörande.',
  en: 'The matter can be brought to the authority for decision.',
};
