import { type Topic, topics } from '#contracts';
import { releaseTypes } from '../../apps/audit/src/domain/entry-types.js';
import type { FactType } from '../../apps/exchange/src/domain/settle-message.js';

/** Who says it: the service whose topic brings it, or audit itself. */
interface Recorded {
  readonly app: string;
  readonly topic: Topic;
  /** What the design lists ("What is recorded") → types of the entries. */
  readonly events: Readonly<Record<string, readonly string[]>>;
}

/** Every fact of exchange, by the compiler: a new one that has no place here does not compile. */
const factsOfExchange = {
  'message-accepted': 'accepted',
  'message-rejected': 'rejected',
  'message-delivered': 'delivered',
  'message-release-refused': 'refused before audit',
  'exchange-refused': 'refused by the holder',
  'exchange-answered': 'answered',
  'message-expired': 'expired',
  'exchange-expired': 'expired without an answer',
  'message-withdrawn': 'withdrawn',
  'exchange-withdrawn': 'withdrawn before an answer',
  'exchange-cancelled': 'taken back',
  'message-undeliverable': 'undeliverable',
  'message-parked': 'parked',
  'message-discarded': 'discarded by an operator',
} as const satisfies Record<FactType, string>;

/** Every event that the design lists (3, “What is recorded”), by its producer. */
export const recorded: readonly Recorded[] = [
  {
    app: 'exchange',
    topic: topics.exchangeEvents,
    events: {
      ...Object.fromEntries(Object.entries(factsOfExchange).map(([type, event]) => [event, [type]])),
      'a record of Kafka given up': ['exchange-record-discarded'],
    },
  },
  {
    app: 'consent',
    topic: topics.consentEvents,
    events: {
      'consent asked for, given, denied and replaced': [
        'consent-requested',
        'consent-recorded',
        'consent-denied',
        'consent-cancelled',
        'consent-superseded',
      ],
      'consent suspended and resumed': [
        'consent-suspended',
        'consent-resumed',
        'consent-mandate-verified',
        'consent-suspension-lifted',
      ],
      'consent at its end': [
        'consent-withdrawn',
        'consent-revoked',
        'consent-expired',
        'consent-invalidated',
        'consent-lapsed',
        'consent-ending',
      ],
      'who is one person, and who may not decide': ['subject-linked', 'decider-excluded'],
      'basis asked beforehand': ['basis-asked'],
      'a client’s own look': ['account-shown'],
      'a record of Kafka given up': ['consent-record-discarded'],
    },
  },
  {
    app: 'directory',
    topic: topics.directoryEvents,
    events: {
      'an agency registered, active and suspended': ['agency-registered', 'agency-status'],
      'a responsibility set': ['responsibility-set'],
      'a key published and revoked': ['key-published', 'key-revoked'],
      'a catalogue in force': ['catalogue'],
      'a record of Kafka given up': ['directory-record-discarded'],
    },
  },
  { app: 'gateway', topic: topics.gatewayRefusals, events: { 'refused at the edge': ['edge-refused'] } },
  {
    app: 'audit',
    topic: topics.auditEvents,
    events: {
      'released, released again and refused': releaseTypes,
      'opened, and not what was released': ['message-mismatch'],
      // An export is a search, page by page; so is a look at one transfer.
      'search, view and export': ['log-search'],
      'a report given and refused': ['report-given', 'report-refused'],
      'access in an emergency, each look and its review': [
        'break-glass-opened',
        'break-glass-used',
        'break-glass-shown',
        'break-glass-reviewed',
      ],
      'an alert and its end': ['alert-raised', 'alert-acknowledged', 'alert-closed'],
      'a key of the hub and its end': ['hub-key', 'hub-key-destroyed'],
      'an erasure asked for, approved and done': [
        'erasure-proposed',
        'erasure-class-accepted',
        'erasure-approved',
        'erasure-run-asked',
        'tombstone',
        'entry-key-destroyed',
      ],
      'a record of Kafka given up': ['log-record-discarded'],
      'which entries stand in clear': ['clear-list'],
      'a legal hold': ['legal-hold-placed', 'legal-hold-lifted'],
    },
  },
];

/** Types of entries, each once. */
export const everyType = recorded.flatMap(({ app, topic, events }) =>
  Object.entries(events).flatMap(([event, types]) => types.map((type) => ({ app, topic, event, type }))),
);
