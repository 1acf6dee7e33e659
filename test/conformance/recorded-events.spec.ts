import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type Topic, allTopics, topics } from '#contracts';
import { mayWrite, releaseTypes } from '../../apps/audit/src/domain/entry-types.js';
import { topicOfFact, typesOfProducer } from '../../apps/audit/src/domain/facts-of-producers.js';
import { classOf } from '../../apps/audit/src/domain/retention.js';
import { readRetentionData } from '../../apps/audit/src/infra/retention-data.js';
import { transitions } from '../../apps/consent/src/domain/consent-state.js';
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

const recorded: readonly Recorded[] = [
  {
    app: 'exchange',
    topic: topics.exchangeEvents,
    events: Object.fromEntries(Object.entries(factsOfExchange).map(([type, event]) => [event, [type]])),
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
      'consent suspended and resumed': ['consent-suspended', 'consent-resumed', 'consent-mandate-verified'],
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
        'tombstone',
        'entry-key-destroyed',
      ],
      'a legal hold': ['legal-hold-placed', 'legal-hold-lifted'],
    },
  },
];

const everyType = recorded.flatMap(({ app, topic, events }) =>
  Object.entries(events).flatMap(([event, types]) => types.map((type) => ({ app, topic, event, type }))),
);

function sourceOf(app: string): string {
  const folder = join('apps', app, 'src');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.(spec|fixture)\.ts$/.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
}
const sources = new Map(recorded.map(({ app }) => [app, sourceOf(app)]));

describe('every event of the design has its leaf', () => {
  it.each(everyType)('$app: $event as $type, which nobody else can say', ({ app, topic, type }) => {
    // Audit's own come by no topic.
    const writers = allTopics.filter((one) => mayWrite(one, type));
    expect(writers).toEqual(app === 'audit' ? [] : [topic]);
    expect(sources.get(app)).toContain(`'${type}'`);
  });

  it('names each type once', () => {
    const types = everyType.map(({ type }) => type);
    expect(types.filter((type, at) => types.indexOf(type) !== at)).toEqual([]);
  });

  it('holds every change of a consent that there is', () => {
    const known = new Set(everyType.map(({ type }) => type));
    expect(Object.values(transitions).flatMap(({ event }) => (known.has(event) ? [] : [event]))).toEqual([]);
  });

  it('is kept for a time that the law or practice names', async () => {
    const data = await readRetentionData('apps/audit/data/retention.json');
    const classless = everyType.filter(({ type }) => !classOf(data, { type, parties: [] }, new Date()));
    expect(classless.map(({ type }) => type)).toEqual([]);
  });

  it.each(everyType.filter(({ app }) => ['exchange', 'consent', 'directory'].includes(app)))(
    '$type is held against the records of $app',
    ({ topic, type }) => {
      const producer = topic as Parameters<typeof topicOfFact>[0];
      expect(topicOfFact(producer, type)).toBe(topic);
      expect(typesOfProducer[producer].test(type)).toBe(true);
    },
  );

  it.each(releaseTypes)('%s is held against the messages of exchange', (type) => {
    expect(topicOfFact(topics.exchangeEvents, type)).toBe(topics.auditEvents);
    expect(typesOfProducer[topics.exchangeEvents].test(type)).toBe(true);
  });
});
