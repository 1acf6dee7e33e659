import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { DirectoryServiceClient, topics } from '#contracts';
import { type ConsentId, newEventId, newExchangeId } from '#kernel';
import { Database, grpcClient } from '#platform';
import { testStack } from '#testing';
import { ask, exchangeAt, mailOf } from '../../apps/agent/src/fake-hub/case.fixture.js';
import { TestAgent } from '../../apps/agent/src/fake-hub/test-agent.fixture.js';
import type { HubAgency } from './hub-agency.js';
import { joinHub } from './join-hub.js';
import { type RunningHub, startTestHub, until } from './running-hub.js';

let running: RunningHub;
let owner: Database;

/** Rows of this, as the owner of the hub's database counts them. */
const countOf = async (text: string): Promise<number> => {
  const { rows } = await owner.query<{ n: number }>({ text: `SELECT count(*)::int AS n FROM ${text}` });
  return rows[0]!.n;
};

beforeAll(async () => {
  running = await startTestHub({
    RECONCILE_EVERY_MS: '300',
    RECONCILE_LEAST_AGE_MS: '500',
    RECONCILE_ALARM_MS: '1500',
    RATE_PER_SECOND: '1000',
  });
  owner = new Database(running.databaseUrl, { max: 2 });
}, 180_000);

afterAll(async () => {
  await owner?.close();
  await running?.stop();
});

describe('what the hub keeps beside the log', () => {
  let city: HubAgency;
  let county: HubAgency;
  let consents: ConsentId[];

  beforeAll(async () => {
    [city, county] = (await Promise.all(['K-049', 'H-07'].map((id) => running.agency(id)))) as [HubAgency, HubAgency];
    const directory = grpcClient(DirectoryServiceClient, running.hub.directoryGrpc);
    const duty = { municipalityCode: '049', duty: 'integration', clientGroup: '', validTo: '' };
    await directory.setResponsibility({ ...duty, agency: city.id, validFrom: '2026-01-01' });
    await directory.setResponsibility({ ...duty, agency: county.id, validFrom: '2027-01-01' });
    directory.close();
    consents = await Promise.all(Array.from({ length: 6 }, () => city.recordConsent({ disclosers: [county.id] })));
    await city.act('suspend', consents[0]!);
    await city.act('withdraw', consents[1]!);
    await city.act('suspend', consents[2]!);
    await city.act('resume', consents[2]!);
    for (let refusal = 0; refusal < 3; refusal += 1)
      expect((await city.call('GET', `/v1/exchanges/${newExchangeId()}`)).status).toBe(404);
    await until(async () => (await countOf(`exchange.inbox WHERE consumer = 'gateway.refusals.v1'`)) >= 3);
  }, 120_000);

  /** Until each service has looked twice at everything that there is now. */
  async function everythingTwice(): Promise<void> {
    const before = await owner.query<{ topic: string; compared: string }>({
      text: 'SELECT topic, compared FROM audit.reconciliation',
    });
    const { rows } = await owner.query<{ size: string }>({ text: 'SELECT count(*) AS size FROM audit.entry' });
    const seen = new Map(before.rows.map(({ topic, compared }) => [topic, Number(compared)]));
    await until(async () => {
      const now = await owner.query<{ topic: string; compared: string; next_leaf: string }>({
        text: 'SELECT topic, compared, next_leaf FROM audit.reconciliation',
      });
      return (
        now.rows.length === 3 &&
        now.rows.every(
          ({ topic, compared, next_leaf }) =>
            Number(next_leaf) >= Number(rows[0]!.size) && Number(compared) > (seen.get(topic) ?? 0) + 10,
        )
      );
    }, 60_000);
  }

  interface Found {
    readonly kind: string;
    readonly type: string;
    readonly alert: string;
  }
  /** Without those that only came late, as the services start. */
  async function differences(): Promise<Found[]> {
    const { rows } = await owner.query<Found & Record<string, unknown>>({
      text: `SELECT kind, type, alert FROM audit.log_difference AS d
             WHERE NOT (kind = 'event-without-leaf'
               AND EXISTS (SELECT FROM audit.entry WHERE entry.event_id = nullif(d.event_id, '')::uuid))
             ORDER BY found_at, kind, type`,
    });
    return rows;
  }

  it('is different in nothing, whatever agencies and operators did', async () => {
    const young = `consent.consent WHERE changed_at > clock_timestamp() - interval '1600 milliseconds'`;
    await until(async () => (await countOf(young)) === 0);
    await everythingTwice();
    expect(await differences()).toEqual([]);
  }, 90_000);

  const past = `now() - interval '1 day'`;
  const noEvent = (): string => `'${newEventId()}'`;
  const of = (at: number): string => `consent_id = '${consents[at]!}'`;
  const last = (table: string, where: string): string =>
    `event_id = (SELECT event_id FROM ${table} WHERE ${where} ORDER BY event_id LIMIT 1)`;

  it.each<[string, string[], () => string]>([
    [
      'a consent that runs though it was suspended',
      ['row-without-event consent-state'],
      () => `UPDATE consent.consent SET state = 'active', changed_at = ${past} WHERE ${of(0)}`,
    ],
    [
      'a consent whose withdrawal is gone',
      ['event-without-row consent-withdrawn', 'row-without-event consent-state'],
      () => `DELETE FROM consent.consent_act WHERE ${of(1)}`,
    ],
    [
      'an act that nobody told of',
      ['row-without-event consent-suspended', 'row-without-event consent-state'],
      () =>
        `INSERT INTO consent.consent_act (consent_id, version, act, state, event_id, effective_at)
       VALUES ('${consents[2]!}', 1, 'suspend', 'suspended', ${noEvent()}, ${past})`,
    ],
    [
      'terms that the agency did not sign',
      ['row-without-event consent'],
      () =>
        `UPDATE consent.consent_version SET payload = jsonb_set(payload, '{validUntil}', '"2031-01-01T00:00:00.000Z"') WHERE ${of(3)}`,
    ],
    [
      'a consent under the event of another',
      ['event-without-row consent-recorded', 'row-without-event consent-recorded'],
      () =>
        `UPDATE consent.consent_version SET event_id = (SELECT event_id FROM consent.consent_version WHERE ${of(5)}) WHERE ${of(4)}`,
    ],
    [
      'a responsibility that nobody told of',
      ['row-without-event responsibility-set'],
      () =>
        `INSERT INTO directory.responsibility (duty, agency, valid_from, event_id)
       VALUES ('integration', '${city.id}', '2026-01-01', ${noEvent()})`,
    ],
    [
      'a responsibility that is gone',
      ['event-without-row responsibility-set'],
      () => `DELETE FROM directory.responsibility WHERE valid_from = '2027-01-01'`,
    ],
    [
      'another key than the agency signed',
      ['row-without-event key-shown'],
      () =>
        `UPDATE directory.agency_key SET jwk = (SELECT jwk FROM directory.agency_key WHERE agency = '${city.id}' AND use = 'client-auth')
       WHERE agency = '${county.id}' AND use = 'client-auth'`,
    ],
    [
      'a key that is revoked though nobody revoked it',
      ['row-without-event key-revoked'],
      () => `UPDATE directory.agency_key SET revoked_at = now() WHERE agency = '${county.id}' AND use = 'receiving'`,
    ],
    [
      'an agency that takes part no more though nobody said so',
      ['row-without-event agency-status'],
      () => `UPDATE directory.agency SET status = 'suspended' WHERE id = '${county.id}'`,
    ],
    [
      'a refusal at the edge of which exchange never heard',
      ['leaf-without-event edge-refused'],
      () =>
        `DELETE FROM exchange.inbox WHERE consumer = 'gateway.refusals.v1' AND ${last('exchange.inbox', `consumer = 'gateway.refusals.v1'`)}`,
    ],
    [
      'a refusal at the edge that has no leaf',
      ['event-without-leaf edge-refused'],
      () =>
        `INSERT INTO exchange.inbox (consumer, event_id, received_at) VALUES ('gateway.refusals.v1', ${noEvent()}, ${past})`,
    ],
  ])(
    '%s is one alert and one entry',
    async (_what, expected, change) => {
      const before = (await differences()).length;
      await owner.transaction(async (client) => {
        // As somebody does who owns the database: past the triggers.
        await client.query({ text: `SET LOCAL session_replication_role = 'replica'` });
        await client.query({ text: change() });
      });
      await until(async () => (await differences()).length >= before + expected.length, 30_000);
      await everythingTwice();
      const found = (await differences()).slice(before);
      expect(found.map(({ kind, type }) => `${kind} ${type}`).sort()).toEqual([...expected].sort());
      for (const alert of new Set(found.map((one) => one.alert))) {
        expect(await countOf(`audit.alert WHERE id = '${alert}' AND logged AND rule = 'log-difference'`)).toBe(1);
        expect(
          await countOf(`audit.entry_index JOIN audit.entry USING (leaf_index)
        WHERE type = 'alert-raised' AND event_id = '${alert}'`),
        ).toBe(1);
      }
    },
    90_000,
  );
});

/** Real services and agents; what Kafka held for exchange is deleted from its log, as a broker that was lost takes it along. */
describe('a Logged event that Kafka lost', () => {
  let municipality: TestAgent;
  let county: TestAgent;

  beforeAll(async () => {
    const pins = { pins: { ...running.hub.pins } as Record<string, string> };
    const keys = { useAfterSeconds: 0 };
    municipality = await TestAgent.start(pins, [{ id: 'K-235', keys }]);
    county = await TestAgent.start(pins, [{ id: 'H-03', keys, pseudonymKeyFrom: ['K-235'] }]);
    await joinHub(running, [
      ['K-235', municipality],
      ['H-03', county],
    ]);
  }, 120_000);

  afterAll(async () => {
    await municipality?.close();
    await county?.close();
  });

  const unpublished = (schema: string): Promise<number> =>
    countOf(
      `${schema}.outbox, ${schema}.outbox_position p WHERE p.name = 'relay' AND (outbox.tx, outbox.id) > (p.tx, p.id)`,
    );

  async function deleteFromKafka(topic: string): Promise<void> {
    const kafka = new Kafka({
      brokers: [...testStack().kafkaBrokers],
      clientId: 'broker-loss',
      logLevel: logLevel.NOTHING,
    });
    const admin = kafka.admin();
    await admin.connect();
    try {
      const name = running.topicPrefix + topic;
      const partitions = (await admin.fetchTopicOffsets(name))
        .filter(({ low, high }) => low !== high)
        .map(({ partition, high }) => ({ partition, offset: high }));
      expect(partitions.length).toBeGreaterThan(0);
      await admin.deleteTopicRecords({ topic: name, partitions });
    } finally {
      await admin.disconnect();
    }
  }

  it('is asked for: the sender’s agent holds its receipt, and the exchange goes on', async () => {
    const { supervisor } = running.stack;
    await supervisor.stop('audit');
    const exchangeId = await ask(municipality, 'H-03', [11]);
    const awaited = `exchange.awaited_receipts WHERE outcome->>'exchangeId' = '${exchangeId}'`;
    await until(async () => (await countOf(awaited)) === 1);
    await until(async () => (await unpublished('exchange')) === 0);
    await supervisor.stop('exchange');

    supervisor.resume('audit');
    const leaf = `audit.entry_index WHERE exchange_id = '${exchangeId}' AND type = 'message-accepted'`;
    await until(async () => (await countOf(leaf)) === 1, 60_000);
    await until(async () => (await unpublished('audit')) === 0, 60_000);
    await deleteFromKafka(topics.auditEvents);
    supervisor.resume('exchange');

    await until(async () => (await countOf(awaited)) === 0, 90_000);
    const shown = await exchangeAt(municipality, 'K-235', exchangeId, ({ messages }) =>
      messages.some(({ leafIndex }) => leafIndex !== undefined),
    );
    expect(shown.messages[0]).toMatchObject({ kind: 'request' });
    await mailOf(county, 'H-03', exchangeId, ({ state }) => state === 'opened');
  }, 240_000);
});
