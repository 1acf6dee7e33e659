import { type Topic, topics } from '#contracts';

/** Entries that say what became of a release. Audit's release path alone writes them (design 2, "Who checks what"). */
export const releaseTypes = ['message-released', 'message-re-released', 'release-refused'] as const;
export type ReleaseType = (typeof releaseTypes)[number];

/** After one of these a message is never released any more. */
export const endTypes = [
  'message-rejected',
  'message-expired',
  'message-withdrawn',
  'message-undeliverable',
  'message-discarded',
] as const;

/** Entries that a later decision about the same message looks up. */
export const messageTypes = [
  'message-accepted',
  'message-mismatch',
  ...endTypes,
  ...releaseTypes,
] as const satisfies readonly string[];

/** Entries of which there are so many that a search for them finds them wherever it looks: no index of their own. */
export const commonTypes = ['message-accepted', 'message-delivered', 'message-released'] as const;

/** Entries that change whether a consent holds. */
export const consentTypes = [
  'consent-recorded',
  'consent-withdrawn',
  'consent-revoked',
  'consent-expired',
  'consent-superseded',
  'consent-invalidated',
  'consent-suspended',
  'consent-resumed',
] as const;
export type ConsentType = (typeof consentTypes)[number];

/**
 * Entries by which a consent begins or goes on. They count only where the agency's own signature says the same: a consent
 * service that lies could otherwise invent one. What ends or suspends a consent counts whoever says it.
 */
const consentGivers: ReadonlySet<string> = new Set<ConsentType>(['consent-recorded', 'consent-resumed']);
export const countsForConsent = (type: string, assertedBy: 'agency' | 'hub'): boolean =>
  assertedBy === 'agency' || !consentGivers.has(type);

/**
 * The statements that are kept with an entry, to be shown as evidence: all, but a manifest only once, with the entry that says
 * whether the hub took the message. The others name it by its hash. `undefined`: none is kept.
 */
export function keptEvidence(
  type: string,
  tokens: Readonly<Record<string, string>>,
): Record<string, string> | undefined {
  const first = type === 'message-accepted' || type === 'message-rejected';
  const kept = Object.entries(tokens).filter(([kind]) => first || kind !== 'manifest');
  return kept.length > 0 ? Object.fromEntries(kept) : undefined;
}

const auditsOwn: ReadonlySet<string> = new Set([
  ...releaseTypes,
  'message-mismatch',
  'log-search',
  'report-given',
  'report-refused',
  'log-record-discarded',
  'hub-key',
  'hub-key-destroyed',
  'clear-list',
]);

/** Whoever can write to one topic can assert what belongs to that topic's service and nothing else. */
const typesOfTopic: Readonly<Partial<Record<Topic, RegExp>>> = {
  [topics.exchangeEvents]: /^(message|exchange)-[a-z-]+$/,
  [topics.consentEvents]: /^(consent-[a-z-]+|subject-linked|decider-excluded|basis-asked|account-shown)$/,
  [topics.directoryEvents]: /^((agency|key|responsibility|contact|directory)-[a-z-]+|catalogue)$/,
  [topics.gatewayRefusals]: /^edge-refused$/,
};

/** The topics whose records become entries. */
export const recordedTopics = [
  topics.exchangeEvents,
  topics.consentEvents,
  topics.directoryEvents,
  topics.gatewayRefusals,
] as const;
export type RecordedTopic = (typeof recordedTopics)[number];

export const mayWrite = (topic: Topic, type: string): boolean =>
  !auditsOwn.has(type) && (typesOfTopic[topic]?.test(type) ?? false);
