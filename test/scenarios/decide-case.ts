import type { Catalogue } from '#catalogue';
import { type ConsentRecord, type Decider, kindRules, type MessageContext, parseContext } from '#envelope';
import {
  type AgencyId,
  isAgencyId,
  type MessageId,
  numericDate,
  sha256,
  type Sha256,
  type Thumbprint,
  unwrap,
} from '#kernel';
import type { Consent } from '../../apps/consent/src/domain/consent-state.js';
import { decideBasis, type Decision } from '../../apps/consent/src/domain/decide-basis.js';
import { History } from './history.js';
import type { CaseText, ConsentText, DeciderText, ScenarioFile, When } from './scenario-file.js';
import {
  consentIdOf,
  type Dictionary,
  exchangeIdOf,
  pseudonymOf,
  readAgency,
  readBasis,
  readGrants,
  readPeriod,
  readTime,
  readUses,
} from './words.js';

/** What differs from what the case says; empty when it came out so. */
export type Differences = readonly string[];

/** The ground on which an authority processes for its task, where a case names no other. */
const USUAL_GROUND = '2016/679-6.1.e';
const DAY_SECONDS = 86_400;

/** @throws Error when the case uses words that mean nothing, or states what no message can */
export function differencesOf(file: ScenarioFile, one: CaseText, catalogue: Catalogue): Differences {
  const decision = decideCase(file, one, catalogue);
  return [
    ...different('reasons', expectedReasons(one), reasonsOf(decision)),
    ...(one.uses === undefined ? [] : different('uses', one.uses, usesOf(decision))),
    ...(one.final === undefined ? [] : different('final', one.final, !decision.allowed && decision.final)),
    ...(one.needless === undefined ? [] : different('needless', one.needless, decision.consentNeedless)),
  ];
}

const expectedReasons = ({ then }: CaseText): string => (then === 'permit' ? 'permit' : [...then].sort().join(', '));

const reasonsOf = (decision: Decision): string =>
  decision.allowed
    ? 'permit'
    : [...new Set(decision.reasons.map(({ code, rule }) => `${code} ${rule}`))].sort().join(', ');

const usesOf = (decision: Decision): CaseText['uses'] => {
  if (!decision.allowed || decision.uses.length === 0) return 'none';
  return decision.uses.some(({ first }) => first) ? 'first' : 'repeat';
};

const different = <T>(what: string, expected: T, decided: T): Differences =>
  expected === decided ? [] : [`${what}: ${String(expected)} was expected, ${String(decided)} decided`];

function decideCase(file: ScenarioFile, one: CaseText, catalogue: Catalogue): Decision {
  const dictionary: Dictionary = { agencies: file.agencies, categories: catalogue.categories };
  const texts = consentTexts(file, one);
  const consents = new Map([...texts].map(([name, text]) => [name, consentOf(name, text, dictionary)]));
  const history = new History(consents, dictionary);
  for (const line of [...(file.given?.history ?? []), ...(one.given?.history ?? [])]) history.tell(line);
  const when = { ...file.when, ...one.when };
  const context = contextOf(complete(when), dictionary, consents);
  const { uses, links, exclusions, suspended, stored } = history;
  return decideBasis(context, {
    catalogue,
    consents: stored,
    uses,
    links,
    exclusions,
    activeAgencies: activeAgencies(dictionary, context, suspended),
    now: when.at === undefined ? readTime(complete(when).sent) : readTime(when.at),
  });
}

/** Every agency that the file names, and the message's own, unless it was suspended. */
function activeAgencies(
  { agencies }: Dictionary,
  { sender, recipient }: MessageContext,
  suspended: ReadonlySet<AgencyId>,
): ReadonlySet<AgencyId> {
  const all = [...Object.values(agencies).filter(isAgencyId), sender, recipient];
  return new Set(all.filter((agency) => !suspended.has(agency)));
}

function complete(when: Partial<When>): When {
  const { message, from, to, about, for: purpose, sent } = when;
  if (!message || !from || !to || !about || !purpose || !sent)
    throw new Error('`when` must state message, from, to, about, for and sent, in the case or for all of the file');
  return { ...when, message, from, to, about, for: purpose, sent };
}

/** A case may change single members of a consent that the file states, or state one of its own. */
function consentTexts(file: ScenarioFile, one: CaseText): Map<string, ConsentText> {
  const shared = file.given?.consents ?? {};
  const own = one.given?.consents ?? {};
  const names = [...new Set([...Object.keys(shared), ...Object.keys(own)])];
  return new Map(names.map((name) => [name, completeConsent(name, { ...shared[name], ...own[name] })]));
}

function completeConsent(name: string, text: Partial<ConsentText>): ConsentText {
  const { subject, collected, yes, for: purposes, from, until } = text;
  if (!subject || !collected || !yes || !purposes || !from || !until)
    throw new Error(`consent "${name}" must state subject, collected, yes, for, from and until`);
  return { ...text, subject, collected, yes, for: purposes, from, until };
}

const deciderOf = ({ role, who, verified, until }: DeciderText): Decider => ({
  role,
  ...(who !== undefined && { pseudonym: pseudonymOf(who) }),
  ...(verified !== undefined && { verifiedAt: readTime(verified).toISOString() }),
  ...(until !== undefined && { validUntil: readTime(until).toISOString() }),
});

function consentOf(name: string, text: ConsentText, dictionary: Dictionary): Consent {
  const version = text.version ?? 1;
  const record: ConsentRecord = {
    v: 1,
    id: consentIdOf(name),
    version,
    subject: pseudonymOf(text.subject),
    standing: text.standing ?? 'adult',
    deciders: (text.deciders ?? [{ role: 'self' }]).map(deciderOf),
    collectingAgency: readAgency(text.collected, dictionary),
    grants: text.yes.flatMap((words) => readGrants(words, dictionary)),
    purposes: [...text.for],
    ...(text.data !== undefined && { dataPeriod: readPeriod(text.data) }),
    uses: readUses(text.uses ?? 'repeatedly'),
    validFrom: readTime(text.from).toISOString(),
    validUntil: readTime(text.until).toISOString(),
    method: text.method ?? 'written',
    interpreter: false,
    language: 'fi',
    noticeVersion: 'notice-1',
    collectedAt: readTime(text.from).toISOString(),
  };
  return { id: record.id, version, state: 'active', record, endedAt: undefined };
}

function contextOf(when: When, dictionary: Dictionary, consents: ReadonlyMap<string, Consent>): MessageContext {
  const { message: kind } = when;
  const { needsBasis, repliesTo } = kindRules[kind];
  const processing = {
    sender: when.grounds?.sender ?? USUAL_GROUND,
    recipient: when.grounds?.recipient ?? USUAL_GROUND,
  };
  const newest = (name: string): number => consents.get(name)?.version ?? 1;
  const basis = needsBasis
    ? (when.basis ?? []).map((words) => readBasis(words, dictionary, { processing, newest }))
    : [];
  const iat = numericDate(readTime(when.sent));
  return unwrap(
    parseContext({
      v: 1,
      suite: 'KV1',
      messageId: exchangeIdOf('message') as string as MessageId,
      exchangeId: exchangeIdOf(when.exchange ?? 'this'),
      kind,
      ...(repliesTo === 'required' && { inReplyTo: sha256('request') satisfies Sha256 }),
      sender: readAgency(when.from, dictionary),
      recipient: readAgency(when.to, dictionary),
      recipientKey: sha256('key') as string as Thumbprint,
      subjects: when.about.map(pseudonymOf),
      purpose: when.for,
      categories: basis.flatMap(({ categories }) => categories).sort((a, b) => a - b),
      basis,
      ...(when.data !== undefined && { dataPeriod: readPeriod(when.data) }),
      ...(when.urgency !== undefined && { urgency: when.urgency }),
      iat,
      exp: iat + 30 * DAY_SECONDS,
      blobs: [],
    }),
  );
}
