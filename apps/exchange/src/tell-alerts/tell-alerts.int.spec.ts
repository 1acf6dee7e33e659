import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AlertRaised, AuditEvent, topics } from '#contracts';
import { type AlertNotice, importVerificationKey, readStatement, verifyStatement } from '#envelope';
import { type AgencyId, agencyId, newEventId, unwrap } from '#kernel';
import { metrics, Readiness } from '#platform';
import { ExchangeStack, eventually } from '../testing/stack.fixture.js';

const authorities = [agencyId('A-TSV'), agencyId('A-LVV')];

const raised = (wish: Partial<AlertRaised> = {}): AlertRaised => ({
  alert: newEventId(),
  rule: 'break-glass',
  agency: 'K-235',
  at: new Date('2026-11-26T10:00:00Z'),
  look: '/v1/audit/break-glass',
  ...wish,
});

describe('an alert that audit has raised', () => {
  let stack: ExchangeStack;
  beforeAll(async () => {
    stack = await ExchangeStack.start();
    stack.network.supervising.push(...authorities);
    stack.doubles.publishDirectory();
  });
  afterAll(() => stack.stop());

  /** One key, so one partition: what comes later is behind it. */
  const tell = (...alerts: readonly AlertRaised[]): Promise<void> =>
    stack.log.publish(
      topics.auditEvents,
      alerts.map((value) => ({ key: 'k', value: AuditEvent.encode({ event: { $case: 'alert', value } }).finish() })),
    );
  const tokensFor = async (agency: string): Promise<string[]> => {
    const { items } = await stack.exchange.readMailbox({ agency, after: 0n, limit: 64 });
    return items.flatMap(({ item }) => (item?.$case === 'notice' ? [item.value] : []));
  };
  const noticesFor = async (agency: string, { alert }: AlertRaised): Promise<AlertNotice[]> =>
    (await tokensFor(agency)).flatMap((token) => {
      const read = readStatement('alert-notice', token);
      return read.ok && read.value.payload.alert === alert ? [read.value.payload] : [];
    });
  /** Told to all that are to be told. */
  const told = (alert: AlertRaised): Promise<void> =>
    eventually(async () => {
      const counts = await Promise.all(authorities.map(async (agency) => (await noticesFor(agency, alert)).length));
      return counts.every((count) => count > 0);
    }, 'the notices');
  const quarantined = async (): Promise<number> => {
    const text = `SELECT count(*)::int AS count FROM exchange.quarantine WHERE topic = 'audit.events.v1'`;
    return (await stack.owner.query<{ count: number }>({ text })).rows[0]!.count;
  };

  it('is told to each supervising authority by a signed notice in its mailbox, and to nobody else', async () => {
    const alert = raised();
    await tell(alert);
    await told(alert);
    const notice = { v: 1, alert: alert.alert, rule: 'break-glass', by: 'K-235', look: '/v1/audit/break-glass' };
    for (const agency of authorities) expect(await noticesFor(agency, alert)).toMatchObject([notice]);
    for (const { id } of stack.network.parties()) expect(await noticesFor(id, alert)).toEqual([]);
    const key = unwrap(await importVerificationKey(await stack.outcomeKey()));
    for (const token of await tokensFor('A-TSV'))
      expect((await verifyStatement('alert-notice', token, key)).ok).toBe(true);
  });

  it('is told once, however often it comes', async () => {
    const alert = raised();
    const last = raised();
    await tell(alert, alert);
    await tell(alert, last);
    await told(last);
    for (const agency of authorities) expect(await noticesFor(agency, alert)).toHaveLength(1);
  });

  it.each(['before-put', 'before-commit', 'after-commit'] as const)(
    'is told, and once, where the service is killed %s',
    async (at) => {
      await stack.stopService();
      const alert = raised();
      await tell(alert);
      await stack.runUntilKilled(at);
      await stack.startService();
      const last = raised();
      await tell(last);
      await told(last);
      for (const agency of authorities) expect(await noticesFor(agency, alert)).toHaveLength(1);
    },
  );

  describe('that nobody has reviewed', () => {
    const end = (alert: string): Promise<void> =>
      stack.log.publish(topics.auditEvents, [
        { key: 'k', value: AuditEvent.encode({ event: { $case: 'alertEnded', value: { alert } } }).finish() },
      ]);
    const joins = (id: string): AgencyId => {
      const agency = agencyId(id);
      stack.network.supervising.push(agency);
      stack.doubles.publishDirectory();
      return agency;
    };

    it('is told, once, to an authority that joins meanwhile, and one that was reviewed is not', async () => {
      const [open, reviewed] = [raised(), raised()];
      await tell(open, reviewed);
      await end(reviewed.alert);
      await told(open);
      const late = joins('A-STM');
      await eventually(async () => (await noticesFor(late, open)).length > 0, 'the notice of the late authority');
      const last = raised();
      await tell(last);
      await eventually(async () => (await noticesFor(late, last)).length > 0, 'the next notice');
      expect(await noticesFor(late, open)).toHaveLength(1);
      expect(await noticesFor(late, reviewed)).toEqual([]);
      for (const agency of authorities) expect(await noticesFor(agency, open)).toHaveLength(1);
    });

    it('is told to one that joined while the service did not run', async () => {
      const open = raised();
      await tell(open);
      await told(open);
      await stack.stopService();
      const late = joins('A-VM');
      await stack.startService();
      await eventually(async () => (await noticesFor(late, open)).length > 0, 'the notice of the late authority');
    });
  });

  it.each([
    ['that names no alert', { alert: '' }],
    ['that names no agency', { agency: 'nobody' }],
    ['without a time', { at: undefined }],
    ['with a time that is none', { at: Object.assign(new Date(0), { getTime: () => 2 ** 60 * 1_000 }) }],
    ['whose rule no notice could name', { rule: 'no rule' }],
    ['that sends the authority elsewhere', { look: 'https://elsewhere.test/' }],
  ] as const)(
    '%s lies in quarantine, each time that it comes, and stops none of those behind it',
    async (_what, wish) => {
      const before = await quarantined();
      const behind = raised();
      await tell(raised(wish), raised(wish), behind);
      await told(behind);
      expect(await quarantined()).toBe(before + 2);
    },
  );

  it('is told of to who watches the service, where it lies in quarantine', async () => {
    const before = await quarantined();
    await tell(raised({ agency: 'nobody' }));
    // Those of the tests before are told of already.
    await eventually(async () => (await quarantined()) > before, 'the record in quarantine');
    const gauge = await metrics.getSingleMetric('kotovayla_set_aside_records')?.get();
    expect(gauge?.values).toContainEqual(
      expect.objectContaining({
        labels: { consumer: topics.auditEvents, place: 'quarantine' },
        value: before + 1,
      }),
    );
    const warned = await stack.app.get(Readiness).warned();
    expect(warned).toContainEqual(expect.stringContaining(topics.auditEvents));
  });
});
