import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DirectoryEvent, ExchangeEvent, type LogRecord, topics } from '#contracts';
import { sha256, systemClock } from '#kernel';
import type { LogMessage } from '#messaging';
import { SetAsideFacts } from './set-aside-facts.js';
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

  describe('in quarantine', () => {
    const desk = () =>
      new SetAsideFacts(audit.database, audit.consumer, audit.logger, {
        appender: audit.appender,
        kek: ground.kek,
        clock: systemClock,
      });
    const owner = (text: string) => ground.owner((client) => client.query(text));
    /** The database refuses facts of one number, until it is mended. */
    beforeEach(async () => {
      await owner(`
        CREATE FUNCTION audit.refuse() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '22023'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON audit.entry_index FOR EACH ROW
          WHEN (NEW.exchange_number = 4711) EXECUTE FUNCTION audit.refuse()`);
    });
    const mend = () => owner('DROP FUNCTION IF EXISTS audit.refuse() CASCADE');
    afterEach(mend);
    const setAsideNow = async () => {
      const unusable = fact({ exchangeNumber: 4711 });
      await consume(topics.exchangeEvents, [ExchangeEvent.encode({ log: unusable }).finish()]);
      const records = await desk().list({ taken: false, limit: 500 });
      return { unusable, record: records.at(-1)! };
    };

    it('is listed by where it came from, why, and its hash, and not by what it says', async () => {
      const { unusable, record } = await setAsideNow();
      const hash = sha256(ExchangeEvent.encode({ log: unusable }).finish());
      expect(record).toMatchObject({
        place: 'quarantine',
        topic: topics.exchangeEvents,
        partition: 0,
        hash,
        retries: 0,
      });
      expect(record.code).toBe('22023');
      expect(JSON.stringify(record)).not.toContain(unusable.eventId);
    });

    it('stays there while its cause does', async () => {
      const { unusable, record } = await setAsideNow();
      expect(await desk().retry('quarantine', record.id)).toEqual({ result: 'refused', code: record.code });
      expect((await desk().list({ taken: false, limit: 500 })).at(-1)).toMatchObject({ id: record.id, retries: 1 });
      expect(await logged([unusable])).toEqual([]);
    });

    it('has its leaf once after the mend, however often it is tried', async () => {
      const { unusable, record } = await setAsideNow();
      const before = await setAside(topics.exchangeEvents);
      await mend();
      const tried = await Promise.all([1, 2, 3].map(() => desk().retry('quarantine', record.id)));
      tried.push(await desk().retry('quarantine', record.id));
      expect(tried).toEqual(tried.map(() => ({ result: 'taken', code: '' })));
      expect(await logged([unusable])).toEqual([unusable.eventId]);
      expect(await setAside(topics.exchangeEvents)).toBe(before - 1);
      const all = await desk().list({ taken: true, limit: 500 });
      expect(all.find(({ id }) => id === record.id)?.takenAt).toEqual(expect.any(Date));
    });

    it('is ended by an operator with an entry of the log, once, under its first reason', async () => {
      const { unusable, record } = await setAsideNow();
      const before = await setAside(topics.exchangeEvents);
      const why = { operator: 'Olli Operaattori', reason: 'number beyond what the column takes' };
      const discard = { hash: record.hash, ...why };
      const { result, eventId } = await desk().discard('quarantine', record.id, discard);
      expect(result).toBe('discarded');
      expect(await setAside(topics.exchangeEvents)).toBe(before - 1);
      expect(await desk().discard('quarantine', record.id, { ...discard, reason: 'another' })).toEqual({
        result: 'discarded',
        eventId: '',
      });
      await mend();
      expect(await desk().retry('quarantine', record.id)).toEqual({ result: 'discarded', code: '' });
      expect(await logged([unusable])).toEqual([]);
      const all = await desk().list({ taken: true, limit: 500 });
      expect(all.find(({ id }) => id === record.id)).toMatchObject({
        discardedBy: why.operator,
        reason: why.reason,
        takenAt: null,
      });
      const { rows } = await ground.owner((client) =>
        client.query<{ type: string }>(
          `SELECT type FROM audit.entry JOIN audit.entry_index USING (leaf_index) WHERE event_id = $1::uuid`,
          [eventId],
        ),
      );
      expect(rows).toEqual([{ type: 'log-record-discarded' }]);
    });

    it('is not ended by the hash of another one', async () => {
      const { record } = await setAsideNow();
      const before = await setAside(topics.exchangeEvents);
      const discard = { hash: sha256('another'), operator: 'A', reason: 'b' };
      await expect(desk().discard('quarantine', record.id, discard)).rejects.toMatchObject({ code: 'CONFLICT' });
      expect(await setAside(topics.exchangeEvents)).toBe(before);
    });

    it.each([['999999'], ['no id']])('is not found by %s', async (id) => {
      await expect(desk().retry('quarantine', id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      const discard = { hash: sha256('x'), operator: 'A', reason: 'b' };
      await expect(desk().discard('quarantine', id, discard)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });
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
