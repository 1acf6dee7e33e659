import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AuditEvent, SetAsideServiceClient, topics } from '#contracts';
import { readStatement } from '#envelope';
import { agencyId, newEventId, sha256 } from '#kernel';
import { type GrpcClient, Readiness, grpcClient, metrics } from '#platform';
import { ExchangeStack, eventually } from '../testing/stack.fixture.js';

const authority = agencyId('A-TSV');

describe('a record that exchange could not use', () => {
  let stack: ExchangeStack;
  let operator: GrpcClient<SetAsideServiceClient>;
  const connect = () => {
    operator = grpcClient(SetAsideServiceClient, stack.config.GRPC_ADDRESS, { deadlineMs: 30_000 });
  };

  beforeAll(async () => {
    stack = await ExchangeStack.start({ ATTEMPTS_BEFORE_PARKING: 2 });
    stack.network.supervising.push(authority);
    stack.doubles.publishDirectory();
    connect();
  });
  afterAll(async () => {
    operator.close();
    await stack.stop();
  });

  const alert = (rule: string) => ({
    alert: newEventId(),
    rule,
    agency: 'K-235',
    at: new Date('2026-11-26T10:00:00Z'),
    look: '/v1/audit/break-glass',
  });
  const bytesOf = (value: ReturnType<typeof alert>): Buffer =>
    Buffer.from(AuditEvent.encode({ event: { $case: 'alert', value } }).finish());
  const tell = (...values: readonly Buffer[]): Promise<void> =>
    stack.log.publish(
      topics.auditEvents,
      values.map((value) => ({ key: 'k', value })),
    );
  const listed = async (taken = false) => (await operator.listSetAside({ limit: 0, taken })).records;
  const noticesOf = async (id: string): Promise<number> => {
    const { items } = await stack.exchange.readMailbox({ agency: authority, after: 0n, limit: 64 });
    const tokens = items.flatMap(({ item }) => (item?.$case === 'notice' ? [item.value] : []));
    return tokens.filter((token) => {
      const read = readStatement('alert-notice', token);
      return read.ok && read.value.payload.alert === id;
    }).length;
  };
  const counted = async (): Promise<number> => {
    const gauge = await metrics.getSingleMetric('kotovayla_set_aside_records')?.get();
    return gauge?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
  };
  /** Comes over Kafka while the service cannot read such a record, as a release before the mend; afterwards it can. */
  const setAside = async () => {
    const told = alert('break-glass');
    const behind = alert('break-glass');
    const decode = AuditEvent.decode.bind(AuditEvent);
    const before = jest.spyOn(AuditEvent, 'decode').mockImplementation((value, length) => {
      const event = decode(value, length);
      if (event.event?.$case === 'alert' && event.event.value.alert === told.alert) throw new TypeError('unknown');
      return event;
    });
    await tell(bytesOf(told), bytesOf(behind));
    await eventually(async () => (await noticesOf(behind.alert)) === 1, 'what comes behind it');
    before.mockRestore();
    const record = (await listed()).find(({ hash }) => hash === sha256(bytesOf(told)));
    return { id: told.alert, told, record: record?.id ?? '' };
  };

  it('is listed as it came over Kafka, and stays there while its cause does', async () => {
    const before = await counted();
    const poison = bytesOf(alert('no rule'));
    await tell(poison);
    await eventually(async () => (await listed()).some(({ hash }) => hash === sha256(poison)), 'the record');
    const record = (await listed()).find(({ hash }) => hash === sha256(poison))!;
    expect(record).toMatchObject({
      place: 'quarantine',
      consumer: topics.auditEvents,
      topic: topics.auditEvents,
      setAsideAt: expect.any(Date),
    });
    expect(record.offset).toMatch(/^\d+$/);
    expect(await operator.retrySetAside({ place: 'quarantine', id: record.id })).toEqual({
      result: 'refused',
      code: record.code,
    });
    expect(await counted()).toBe(before + 1);
  });

  it('has its effect once when it is tried again after the mend, and nobody is warned of it any more', async () => {
    const { id, record } = await setAside();
    const before = await counted();
    expect(await noticesOf(id)).toBe(0);
    expect(await operator.retrySetAside({ place: 'quarantine', id: record })).toEqual({ result: 'taken', code: '' });
    expect(await operator.retrySetAside({ place: 'quarantine', id: record })).toEqual({ result: 'taken', code: '' });
    expect(await noticesOf(id)).toBe(1);
    expect(await counted()).toBe(before - 1);
    expect((await listed(true)).find((one) => one.id === record)?.takenAt).toEqual(expect.any(Date));
    expect(await stack.app.get(Readiness).missing()).toEqual([]);
  });

  it('has no second effect where it comes over Kafka too, before or after', async () => {
    const { id, told, record } = await setAside();
    await tell(bytesOf(told));
    await eventually(async () => (await noticesOf(id)) === 1, 'the notice');
    expect(await operator.retrySetAside({ place: 'quarantine', id: record })).toEqual({ result: 'known', code: '' });
    const after = await setAside();
    expect(await operator.retrySetAside({ place: 'quarantine', id: after.record })).toMatchObject({ result: 'taken' });
    const last = alert('break-glass');
    await tell(bytesOf(after.told), bytesOf(last));
    await eventually(async () => (await noticesOf(last.alert)) === 1, 'what comes behind it');
    expect(await noticesOf(id)).toBe(1);
    expect(await noticesOf(after.id)).toBe(1);
  });

  it('has its effect when it was parked, once what it failed of is mended', async () => {
    const owner = (text: string) => stack.owner.query({ text });
    await owner(`
      CREATE FUNCTION exchange.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '23514'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON exchange.open_alert FOR EACH ROW EXECUTE FUNCTION exchange.refuse()`);
    const told = alert('break-glass');
    await tell(bytesOf(told));
    const parked = async () => (await listed()).find(({ place }) => place === 'parked');
    await eventually(async () => (await parked()) !== undefined, 'the parked record');
    const { id, code } = (await parked())!;
    expect(code).toBe('23514');
    expect(await operator.retrySetAside({ place: 'parked', id })).toEqual({ result: 'waits', code });
    await owner('DROP FUNCTION exchange.refuse() CASCADE');
    expect(await operator.retrySetAside({ place: 'parked', id })).toEqual({ result: 'taken', code: '' });
    expect(await noticesOf(told.alert)).toBe(1);
    expect(await parked()).toBeUndefined();
  });

  it('is ended by an operator once nothing can come of it: nobody is warned of it any more, and the log is told', async () => {
    const poison = bytesOf(alert('no rule'));
    await tell(poison);
    const hash = sha256(poison);
    const found = async () => (await listed()).find((record) => record.hash === hash);
    await eventually(async () => (await found()) !== undefined, 'the record');
    const before = await counted();
    const { place, id } = (await found())!;
    const why = { operator: 'Olli Operaattori', reason: 'a rule that nobody knows' };
    const { result, eventId } = await operator.discardSetAside({ place, id, hash, ...why });
    expect(result).toBe('discarded');
    expect(await found()).toBeUndefined();
    expect(await counted()).toBe(before - 1);
    const told = () => stack.doubles.records.find((record) => record.eventId === eventId);
    await eventually(() => told() !== undefined, 'the entry');
    expect(told()).toMatchObject({ type: 'exchange-record-discarded', evidence: [{ kind: 'discard' }] });
    expect((await listed(true)).find((record) => record.id === id)).toMatchObject({
      discardedAt: expect.any(Date),
      discardedBy: why.operator,
      reason: why.reason,
    });
  });

  it('has its final state where it was parked and is ended', async () => {
    const owner = (text: string) => stack.owner.query({ text });
    await owner(`
      CREATE FUNCTION exchange.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '23514'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON exchange.open_alert FOR EACH ROW EXECUTE FUNCTION exchange.refuse()`);
    await tell(bytesOf(alert('break-glass')));
    const parked = async () => (await listed()).find(({ place }) => place === 'parked');
    await eventually(async () => (await parked()) !== undefined, 'the parked record');
    await owner('DROP FUNCTION exchange.refuse() CASCADE');
    const { place, id, hash } = (await parked())!;
    const ended = await operator.discardSetAside({ place, id, hash, operator: 'A', reason: 'told by another way' });
    expect(ended.result).toBe('discarded');
    await eventually(
      () => ['message-discarded', 'exchange-record-discarded'].every((type) => stack.doubles.types.includes(type)),
      'both entries',
    );
    expect(await parked()).toBeUndefined();
  });

  it.each([
    ['quarantine', '999999'],
    ['parked', '999999'],
    ['elsewhere', '1'],
  ])('is not found in %s by %s', async (place, id) => {
    await expect(operator.retrySetAside({ place, id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
