import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { allTopics, topics } from '#contracts';
import { mayWrite, releaseTypes } from '../../apps/audit/src/domain/entry-types.js';
import { topicOfFact, typesOfProducer } from '../../apps/audit/src/domain/facts-of-producers.js';
import { classOf } from '../../apps/audit/src/domain/retention.js';
import { readRetentionData } from '../../apps/audit/src/infra/retention-data.js';
import { eventsOfTransitions } from '../../apps/consent/src/domain/consent-state.js';
import { everyType, recorded } from './recorded-events.js';

function sourceOf(app: string): string {
  const folder = join('apps', app, 'src');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.(spec|fixture)\.ts$/.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
}
/** Tests against the real parts; the gateway keeps nothing, so its refusals are seen in the log of a whole hub alone. */
function testsOf(app: string): string {
  const folder = app === 'gateway' ? join('test', 'e2e') : join('apps', app, 'src');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(app === 'gateway' ? '.e2e.spec.ts' : '.int.spec.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
}
/** What stands in clear has a name of its own within the entry. */
const clearRecords = ['agency-key', 'agency-key-revocation', 'hub-key'];
/** Exchange says in what it keeps, and for the mailbox, what others log. */
const factsOfOthers = ['edge-refused', 'message-released'];

const tests = new Map(recorded.map(({ app }) => [app, testsOf(app)]));
const sources = new Map(recorded.map(({ app }) => [app, sourceOf(app)]));

describe('every event of the design has its leaf', () => {
  it.each(everyType)('$app: $event as $type, which nobody else can say', ({ app, topic, type }) => {
    // Audit's own come by no topic.
    const writers = allTopics.filter((one) => mayWrite(one, type));
    expect(writers).toEqual(app === 'audit' ? [] : [topic]);
    expect(sources.get(app)).toContain(`'${type}'`);
  });

  it.each(everyType)('$type is told in a test of $app on real parts', ({ app, type }) => {
    expect(tests.get(app)?.includes(`'${type}'`)).toBe(true);
  });

  it('names each type once', () => {
    const types = everyType.map(({ type }) => type);
    expect(types.filter((type, at) => types.indexOf(type) !== at)).toEqual([]);
  });

  it.each(recorded)('has every type that $app writes', ({ app, events }) => {
    const written = [...sources.get(app)!.matchAll(/(?:\btype: |entryOfWord\(\s*)'([a-z]+(?:-[a-z]+)+)'/g)];
    const known = new Set([...Object.values(events).flat(), ...clearRecords, ...factsOfOthers]);
    expect(written.flatMap(([, type]) => (known.has(type!) ? [] : [type]))).toEqual([]);
  });

  it('holds every change of a consent that there is', () => {
    const known = new Set(everyType.map(({ type }) => type));
    expect(eventsOfTransitions.filter((event) => !known.has(event))).toEqual([]);
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
