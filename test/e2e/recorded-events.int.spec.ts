import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConsentEvent, DirectoryEvent, ExchangeEvent, GatewayRefusal, type LogRecord, topics } from '#contracts';
import { sha256 } from '#kernel';
import { recordedTopics } from '../../apps/audit/src/domain/entry-types.js';
import { AuditGround, AuditInstance, emptyRecord } from '../../apps/audit/src/testing/audit.fixture.js';
import { directoryOf, party } from '../../apps/audit/src/testing/parties.fixture.js';
import { everyType } from '../conformance/recorded-events.js';

const encoders: Record<(typeof recordedTopics)[number], (log: LogRecord) => Uint8Array> = {
  [topics.exchangeEvents]: (log) => ExchangeEvent.encode({ log }).finish(),
  [topics.consentEvents]: (log) => ConsentEvent.encode({ log, state: '', parties: [] }).finish(),
  [topics.directoryEvents]: (log) => DirectoryEvent.encode({ log }).finish(),
  [topics.gatewayRefusals]: (log) => GatewayRefusal.encode(GatewayRefusal.fromPartial({ log })).finish(),
};

/** Those that producers tell over Kafka. Audit's own are each in a test of audit (`recorded-events.spec.ts`). */
const told = everyType.flatMap(({ topic, type }) => {
  const recordedBy = recordedTopics.find((one) => one === topic);
  return recordedBy === undefined ? [] : [{ topic: recordedBy, type }];
});

describe('an event that a producer tells', () => {
  let ground: AuditGround;
  let audit: AuditInstance;
  let offset = 0n;

  beforeAll(async () => {
    ground = await AuditGround.lay();
    audit = await AuditInstance.start(ground, directoryOf([await party('K-235')]));
  });
  afterAll(async () => {
    await audit.stop();
    await ground.clear();
  });

  it('is of each of the producers', () => {
    expect(new Set(told.map(({ topic }) => topic))).toEqual(new Set(recordedTopics));
  });

  it.each(told)('as $type has its leaf, once, which opens and says so', async ({ topic, type }) => {
    const clear = { type: 'catalogue', version: 1, hash: sha256('catalogue'), at: '2026-11-26T10:00:00Z' };
    const record: LogRecord = {
      ...emptyRecord(),
      type,
      sender: 'K-235',
      ...(type === 'catalogue' && { clearRecordJson: JSON.stringify(clear) }),
    };
    const value = Buffer.from(encoders[topic](record));
    for (let times = 0; times < 2; times += 1) {
      const message = { offset, key: 'k', value, headers: {}, timestamp: new Date() };
      offset += 1n;
      await audit.consumer.consumeBatch({ topic, partition: 0, messages: [message] });
    }
    const { rows } = await ground.owner((client) =>
      client.query<{ leaf: number; type: string }>(
        `SELECT leaf_index::float8 AS leaf, type FROM audit.entry JOIN audit.entry_index USING (leaf_index)
         WHERE event_id = $1::uuid`,
        [record.eventId],
      ),
    );
    expect(rows).toMatchObject([{ type }]);
    if (type === 'catalogue') return;
    const { leaf } = rows[0]!;
    const opened = (await audit.openings.read([leaf])).get(leaf);
    expect(JSON.parse(opened?.body ?? '')).toMatchObject({ type, eventId: record.eventId });
  });
});
