import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DirectoryEvent, ExchangeEvent, type LogRecord, topics } from '#contracts';
import { sha256 } from '#kernel';
import type { LogMessage } from '#messaging';
import { quarantined } from '../infra/consumed-facts.js';
import { AuditGround, AuditInstance, emptyRecord } from '../testing/audit.fixture.js';
import { directoryOf, party } from '../testing/parties.fixture.js';

const fact = (wish: Partial<LogRecord> = {}): LogRecord => ({
  ...emptyRecord(),
  type: 'message-delivered',
  ...wish,
});
const catalogue = (at: Date): LogRecord => ({
  ...emptyRecord(),
  type: 'catalogue',
  at,
  clearRecordJson: JSON.stringify({
    type: 'catalogue',
    version: 1,
    hash: sha256('catalogue'),
    at: '2026-11-26T10:00:00Z',
  }),
});
/** Encoded as seconds that no date reaches. */
const noTime = Object.assign(new Date(0), { getTime: () => 2 ** 60 * 1_000 });

describe('a fact of which no entry can be made', () => {
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

  const consume = async (topic: string, values: readonly Uint8Array[]): Promise<void> => {
    const messages = values.map((value): LogMessage => {
      const message = { offset, key: 'k\0', value: Buffer.from(value), headers: {}, timestamp: new Date() };
      offset += 1n;
      return message;
    });
    await audit.consumer.consumeBatch({ topic, partition: 0, messages });
  };
  const logged = async (records: readonly LogRecord[]): Promise<string[]> => {
    const text = `SELECT replace(event_id::text, '-', '') AS event_id FROM audit.entry WHERE event_id = ANY ($1::uuid[])`;
    const { rows } = await ground.owner((client) =>
      client.query<{ event_id: string }>(text, [records.map(({ eventId }) => eventId)]),
    );
    return rows.map(({ event_id }) => event_id).sort();
  };
  const idsOf = (records: readonly LogRecord[]): string[] => records.map(({ eventId }) => eventId).sort();
  const setAside = async (topic: string): Promise<number> =>
    (await quarantined(audit.database)).find(({ consumer }) => consumer === topic)?.count ?? 0;

  it.each([
    ['says a time that is none', () => fact({ at: noTime })],
    ['says a time before the first year', () => fact({ at: new Date('0000-06-01T00:00:00Z') })],
    ['says a time after the last year', () => fact({ at: new Date('+010000-01-01T00:00:00Z') })],
    ['has a number that the database does not take', () => fact({ exchangeNumber: 2 ** 32 - 1 })],
  ])('because it %s, lies in quarantine, and those before and behind it are logged', async (_what, unusable) => {
    const before = await setAside(topics.exchangeEvents);
    const poison = unusable();
    const good = Array.from({ length: 5 }, () => fact());
    const sent = [...good.slice(0, 2), poison, ...good.slice(2)];
    await consume(
      topics.exchangeEvents,
      sent.map((log) => ExchangeEvent.encode({ log }).finish()),
    );
    expect(await logged(sent)).toEqual(idsOf(good));
    expect(await setAside(topics.exchangeEvents)).toBe(before + 1);
  });

  it('because it is in clear and says no time, lies in quarantine too', async () => {
    const good = catalogue(new Date());
    const sent = [noTime, new Date('+200000-01-01T00:00:00Z')].map(catalogue).concat(good);
    await consume(
      topics.directoryEvents,
      sent.map((log) => DirectoryEvent.encode({ log }).finish()),
    );
    expect(await logged(sent)).toEqual(idsOf([good]));
    expect(await setAside(topics.directoryEvents)).toBe(2);
  });
});
