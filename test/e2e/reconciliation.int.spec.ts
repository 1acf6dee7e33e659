import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConsentEvent, ExchangeEvent, LogRecord, recordMembers, topics } from '#contracts';
import {
  type LogBody,
  type Outcome,
  type SigningKey,
  generateSigningKey,
  openReleasedKey,
  parseLogBody,
  rangesOf,
  readStatement,
  verifyReceipt,
} from '#envelope';
import { type EventId, newEventId, newExchangeId, newMessageId, sha256, systemClock, unwrap } from '#kernel';
import { until } from '#testing';
import { prepareOpaque } from '../../apps/audit/src/append-entries/prepared-entry.js';
import { plainProposal } from '../../apps/audit/src/append-entries/proposal.js';
import { AlertStore } from '../../apps/audit/src/infra/alert-store.js';
import { somebody } from '../../apps/audit/src/testing/erasing-hub.fixture.js';
import { type Party, party } from '../../apps/audit/src/testing/parties.fixture.js';
import { databaseSpec as consentDatabase } from '../../apps/consent/src/infra/database.js';
import { AskForReceipts, type AskForReceiptsParts } from '../../apps/exchange/src/confirm-logged/ask-for-receipts.js';
import { ConfirmLogged } from '../../apps/exchange/src/confirm-logged/confirm-logged.handler.js';
import { databaseSpec as exchangeDatabase } from '../../apps/exchange/src/infra/database.js';
import { TransferRows } from '../../apps/exchange/src/reconcile-transfers/transfer-rows.js';
import { Producer, ReconcilingHub } from './reconciling-hub.fixture.js';

const DAY_MS = 24 * 60 * 60 * 1000;

let hub: ReconcilingHub;
let exchange: Producer;
let consent: Producer;
let city: Party;
let county: Party;
let ombudsman: Party;

beforeAll(async () => {
  const parties = await Promise.all(['K-235', 'H-03', 'A-TSV'].map((id) => party(id)));
  [city, county, ombudsman] = parties as [Party, Party, Party];
  hub = await ReconcilingHub.start(parties);
  exchange = await Producer.start(hub, {
    topic: topics.exchangeEvents,
    database: exchangeDatabase,
    encode: (log) => ExchangeEvent.encode({ log }).finish(),
    recordOf: (payload) => ExchangeEvent.decode(payload).log,
  });
  consent = await Producer.start(hub, {
    topic: topics.consentEvents,
    database: consentDatabase,
    encode: (log) => ConsentEvent.encode({ log, state: '', parties: [] }).finish(),
    recordOf: (payload) => ConsentEvent.decode(payload).log,
  });
  await until('the appender is active', () => hub.audit.appender.active);
  await hub.consume();
  await Promise.all([exchange.listen(), consent.listen()]);
}, 120_000);

afterAll(async () => {
  await Promise.all([exchange.stop(), consent.stop()]);
  await hub.stop();
});

const transfer = (type = 'message-accepted'): Partial<LogRecord> => ({
  type,
  exchangeId: newExchangeId(),
  exchangeNumber: 1,
  messageId: newMessageId(),
  manifestHash: sha256(newEventId()),
  sender: city.id,
  recipient: county.id,
});

/** An entry that no producer made. */
async function forged(members: Partial<LogBody>): Promise<EventId> {
  const eventId = newEventId();
  const body = {
    v: 1,
    eventId,
    type: 'message-delivered',
    at: new Date().toISOString(),
    assertedBy: 'hub',
    ...members,
  };
  await hub.audit.appender.append(plainProposal([prepareOpaque(unwrap(parseLogBody(body)), hub.audit.kek)]));
  return eventId;
}

const confirmed = (producer: Producer, ...ids: readonly EventId[]): Promise<void> =>
  until('the events are confirmed', async () =>
    (await Promise.all(ids.map((id) => producer.isConfirmed(id)))).every(Boolean),
  );

/** What is open about these events, or all messages with these manifests. */
async function openAbout(...names: readonly string[]): Promise<string[]> {
  const open = await hub.open();
  return open
    .filter((one) => names.includes(one.eventId) || names.includes(one.manifestHash))
    .map(({ kind, type }) => `${kind} ${type}`.trim())
    .sort();
}

/** Bodies of the alerts' entries in which the event stands. */
async function alertsNaming(eventId: string): Promise<LogBody[]> {
  const leaves = await hub.owner<{ leaf: string }>(
    `SELECT leaf_index::text AS leaf FROM audit.entry_index WHERE type = 'alert-raised' ORDER BY leaf_index`,
  );
  const opened = await hub.audit.openings.read(leaves.map(({ leaf }) => Number(leaf)));
  return [...opened.values()]
    .map(({ body }) => JSON.parse(body) as LogBody)
    .filter(({ differences }) => differences?.some((one) => one.eventId === eventId));
}

/** Until a whole second pass is behind it: what a first one has passed may be different since. */
async function everythingAgain(producer: Producer, options: Parameters<Producer['reconciler']>[0] = {}): Promise<void> {
  const reconciler = producer.reconciler(options);
  const at = async (): Promise<number> => {
    const { rows } = await producer.owner.query<{ next: number }>({
      text: `SELECT next_leaf::float8 AS next FROM ${producer.spec.database.schema}.log_reconciliation WHERE pass = 'again'`,
    });
    return rows[0]!.next;
  };
  await producer.owner.query({
    text: `UPDATE ${producer.spec.database.schema}.log_reconciliation SET next_leaf = 0 WHERE pass = 'again'`,
  });
  for (let before = -1; before < (await at());) {
    before = await at();
    await reconciler.round();
  }
}

describe('a producer that holds its outbox against the log', () => {
  beforeAll(() => {
    exchange.relay.start();
    consent.relay.start();
  });

  it('finds nothing where every event has its leaf and every leaf its event', async () => {
    const ids = await exchange.commit(transfer(), transfer('message-delivered'), transfer('message-expired'));
    const asked = await consent.commit({
      type: 'basis-asked',
      sender: city.id,
      subjects: [somebody()],
      categories: [12, 3],
    });
    await confirmed(exchange, ...ids);
    await confirmed(consent, ...asked);
    await exchange.reconciler({}).round();
    await consent.reconciler({}).round();
    const { producers, openCount, size } = await hub.state.look();
    expect(openCount).toBe(0);
    expect(producers.map(({ topic, next, compared, silent }) => ({ topic, next, compared, silent }))).toMatchObject([
      { topic: topics.exchangeEvents, next: size, silent: false },
      { topic: topics.consentEvents, next: size, silent: false },
      { topic: topics.directoryEvents, next: 0n, silent: true },
    ]);
    expect(producers.map(({ compared }) => compared > 0n)).toEqual([true, true, false]);
  });

  it('finds a leaf whose event was deleted past the triggers, though both were compared before', async () => {
    const [id] = await exchange.commit(transfer());
    await confirmed(exchange, id!);
    await exchange.reconciler({}).round();
    expect(await openAbout(id!)).toEqual([]);
    await exchange.owner.query({ text: 'DELETE FROM exchange.outbox WHERE event_id = $1', values: [id] });
    await everythingAgain(exchange);
    expect(await openAbout(id!)).toEqual(['leaf-without-event message-accepted']);
  });

  it('finds a leaf that nobody committed, and only where it would be its own', async () => {
    const eventId = await forged({ type: 'consent-withdrawn' });
    await exchange.reconciler({}).round();
    expect(await openAbout(eventId)).toEqual([]);
    await consent.reconciler({}).round();
    expect(await openAbout(eventId)).toEqual(['leaf-without-event consent-withdrawn']);
  });

  it('finds an event that says something else than its leaf', async () => {
    const [id] = await exchange.commit(transfer());
    await confirmed(exchange, id!);
    const payload = ExchangeEvent.encode({
      log: LogRecord.fromPartial({ ...transfer(), eventId: id!, at: new Date() }),
    }).finish();
    await exchange.owner.query({ text: 'ALTER TABLE exchange.outbox DISABLE TRIGGER outbox_append_only' });
    await exchange.owner.query({
      text: 'UPDATE exchange.outbox SET payload = $2 WHERE event_id = $1',
      values: [id, Buffer.from(payload)],
    });
    await exchange.owner.query({ text: 'ALTER TABLE exchange.outbox ENABLE TRIGGER outbox_append_only' });
    await exchange.reconciler({}).round();
    expect(await openAbout(id!)).toEqual(['other-content message-accepted']);
  });

  it('raises one alert for what it found, logged once, however often it looks', async () => {
    const eventId = await forged({});
    const first = exchange.reconciler({});
    await first.round();
    await first.round();
    await everythingAgain(exchange);
    const [entry, ...others] = await alertsNaming(eventId);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ type: 'alert-raised', purpose: 'log-difference' });
    const [alert, ...more] = await hub.owner<object>(
      'SELECT state, owner, measured, logged FROM audit.alert WHERE id = $1',
      [entry!.eventId],
    );
    expect(more).toEqual([]);
    expect(alert).toEqual({ state: 'raised', owner: 'supervising', measured: 1, logged: true });
    expect(JSON.stringify(entry!.differences)).not.toMatch(/"p1\.|K-235|H-03/);
  });

  it('logs an alert that was raised just before the service stopped', async () => {
    const eventId = newEventId();
    const found = { kind: 'leaf-without-event', eventId, leafIndex: 0n, type: 'message-delivered', manifestHash: '' };
    const raised = { id: newEventId(), rule: hub.rules.logDifference, at: new Date() };
    expect(await hub.store.raise(raised, topics.exchangeEvents, [found])).toBe(1);
    expect(await alertsNaming(eventId)).toEqual([]);
    await exchange.reconciler({}).round();
    expect((await alertsNaming(eventId)).map((entry) => entry.eventId)).toEqual([raised.id]);
  });

  it('is no difference that an entry is erased', async () => {
    const ids = await consent.commit(
      ...Array.from({ length: 3 }, () => ({ type: 'basis-asked', sender: city.id, subjects: [somebody()] })),
    );
    await confirmed(consent, ...ids);
    const leaves = await hub.owner<{ leaf: string }>(
      'SELECT leaf_index::text AS leaf FROM audit.entry WHERE event_id = ANY ($1::uuid[])',
      [ids],
    );
    const indices = rangesOf(leaves.map(({ leaf }) => Number(leaf)).sort((a, b) => a - b));
    await hub.audit.approved({ proposer: city, approver: ombudsman }, { by: 'indices', indices });
    expect((await hub.audit.erasureRun.run()).erased).toBe(3);
    expect(await hub.audit.left(leaves.map(({ leaf }) => Number(leaf)))).toEqual([]);
    await everythingAgain(consent);
    await everythingAgain(exchange);
    expect(await openAbout(...ids)).toEqual([]);
  });

  it('passes over leaves so old that the outbox has forgotten their events', async () => {
    const eventId = await forged({});
    await exchange.reconciler({ retentionMs: 2 * DAY_MS }).round();
    await everythingAgain(exchange, { retentionMs: 2 * DAY_MS });
    expect(await openAbout(eventId)).toEqual([]);
    await everythingAgain(exchange);
    expect(await openAbout(eventId)).toEqual(['leaf-without-event message-delivered']);
  });

  it('goes on from where it was after a restart', async () => {
    const { size } = await hub.state.look();
    const before: { from: bigint }[] = [];
    await exchange.reconciler({ asked: before }).round();
    const ids = await exchange.commit(transfer(), transfer());
    await confirmed(exchange, ...ids);
    const asked: { from: bigint }[] = [];
    await exchange.reconciler({ asked, pageSize: 1 }).round();
    expect(asked[0]!.from).toBeGreaterThanOrEqual(size);
    expect((await hub.state.look()).producers[0]!.next).toBe((await hub.state.look()).size);
  });

  it('asks for a page again where audit could not be told what it found', async () => {
    const eventId = await forged({});
    const away = { ...hub.calls(), reportReconciliation: () => Promise.reject(new Error('audit is away')) };
    await expect(exchange.reconciler({ audit: away }).round()).rejects.toThrow('audit is away');
    expect(await openAbout(eventId)).toEqual([]);
    await exchange.reconciler({}).round();
    expect(await openAbout(eventId)).toEqual(['leaf-without-event message-delivered']);
  });
});

describe('an event that Kafka lost', () => {
  beforeAll(() => exchange.relay.stop());

  it('is sent again under its id, and ends without an alarm', async () => {
    const [id] = await exchange.commit(transfer());
    await exchange.loseWhatIsCommitted();
    await exchange.reconciler({}).round();
    expect(await exchange.isConfirmed(id!)).toBe(false);
    expect(await exchange.resending.resend()).toBe(1);
    await confirmed(exchange, id!);
    await exchange.reconciler({ alarmAfterMs: 0 }).round();
    expect(await openAbout(id!)).toEqual([]);
  });

  it('and that never comes raises the alarm once; it is open until the leaf is there', async () => {
    const [id] = await exchange.commit(transfer('message-delivered'));
    await exchange.loseWhatIsCommitted();
    const impatient = exchange.reconciler({ alarmAfterMs: 0 });
    await impatient.round();
    await impatient.round();
    await exchange.reconciler({ alarmAfterMs: 0 }).round();
    expect(await openAbout(id!)).toEqual(['event-without-leaf message-delivered']);
    expect(await alertsNaming(id!)).toHaveLength(1);
    expect((await hub.state.look()).producers[0]).toMatchObject({ overdue: 1 });
    await exchange.resending.resend();
    await confirmed(exchange, id!);
    await impatient.round();
    expect(await openAbout(id!)).toEqual([]);
    expect((await hub.state.look()).producers[0]).toMatchObject({ overdue: 0 });
  });

  it('and that came late says so in its alert, which its owner closes all the same', async () => {
    const [early, late] = await exchange.commit(transfer('message-delivered'), transfer('message-delivered'));
    await exchange.loseWhatIsCommitted();
    await exchange.reconciler({ alarmAfterMs: 0 }).round();
    const alerts = new AlertStore(hub.audit.database);
    const mended = async (): Promise<{ state: string; mendedAt: Date | null } | undefined> => {
      const [{ alert } = { alert: '' }] = await hub.owner<{ alert: string }>(
        'SELECT alert FROM audit.log_difference WHERE event_id = $1',
        [late],
      );
      return alerts.find(alert);
    };
    expect(await mended()).toMatchObject({ state: 'raised', mendedAt: null });
    await exchange.resending.resend();
    await confirmed(exchange, early!);
    await confirmed(exchange, late!);
    const [{ at } = { at: undefined }] = await hub.owner<{ at: Date }>(
      `SELECT max(appended_at) AS at FROM audit.entry WHERE replace(event_id::text, '-', '') = ANY ($1)`,
      [[early, late]],
    );
    expect(await mended()).toMatchObject({ state: 'raised', mendedAt: at });
  });

  it('before it was ever published is one too', async () => {
    const [id] = await exchange.commit(transfer('message-delivered'));
    await exchange.reconciler({ alarmAfterMs: 0 }).round();
    expect(await openAbout(id!)).toEqual(['event-without-leaf message-delivered']);
  });

  it('for which audit can make no entry is one alert and is set aside, until audit can', async () => {
    const [id] = await exchange.commit({ ...transfer(), manifestHash: 'no hash' });
    await exchange.loseWhatIsCommitted();
    await exchange.resending.resend();
    const impatient = exchange.reconciler({ alarmAfterMs: 0 });
    await until('it is refused', async () => {
      await impatient.round();
      return (await openAbout(id!)).includes('event-refused message-accepted');
    });
    await impatient.round();
    expect(await openAbout(id!)).toEqual(['event-refused message-accepted']);
    expect(await alertsNaming(id!)).toHaveLength(1);
    expect((await hub.state.look()).producers[0]).toMatchObject({ setAside: 1 });
    expect(await exchange.nextAttempt(id!)).toBeGreaterThan(DAY_MS / 2);
    await exchange.dueNow(id!);
    expect(await exchange.resending.resend()).toBeGreaterThan(0);
    expect(await exchange.nextAttempt(id!)).toBeGreaterThan(DAY_MS / 2);
    expect(await hub.owner('SELECT FROM audit.quarantine WHERE event_id = $1', [id])).toHaveLength(1);
    await forged({ eventId: id! });
    expect(await openAbout(id!)).toEqual([]);
  });

  it('only in its confirmation is taken for logged, and not sent again', async () => {
    const [id] = await exchange.commit(transfer());
    const payload = (
      await exchange.owner.query<{ payload: Buffer }>({
        text: 'SELECT payload FROM exchange.outbox WHERE event_id = $1',
        values: [id],
      })
    ).rows[0]!.payload;
    const members = recordMembers(ExchangeEvent.decode(payload).log!);
    const said = unwrap(parseLogBody({ v: 1, ...members, assertedBy: 'hub' }));
    await hub.audit.appender.append(plainProposal([prepareOpaque(said, hub.audit.kek)]));
    await exchange.reconciler({}).round();
    expect(await exchange.isConfirmed(id!)).toBe(true);
    expect(await openAbout(id!)).toEqual([]);
  });
});

describe('a receipt that never came to exchange', () => {
  let confirm: ConfirmLogged;
  let outcomeKey: SigningKey;

  beforeAll(async () => {
    outcomeKey = await generateSigningKey();
    confirm = new ConfirmLogged({ outcomeKey }, exchange.resending, systemClock);
  });

  const asking = (options: Partial<AskForReceiptsParts> = {}): AskForReceipts =>
    new AskForReceipts({
      database: exchange.database,
      audit: hub.calls(),
      confirm,
      afterCommit: () => undefined,
      leastAgeMs: 0,
      ...options,
    });

  /** As exchange accepts a message, and audit logs it; the word of that is lost. */
  async function acceptedAndLogged(...agencies: readonly Party[]): Promise<EventId[]> {
    const facts = agencies.map(({ id }) => ({ ...transfer(), sender: id, receiptFor: id }));
    const ids = await exchange.commit(...facts);
    await exchange.database.query({
      text: `INSERT INTO exchange.awaited_receipts (event_id, agency, outcome)
             SELECT event_id, agency, outcome::jsonb FROM unnest($1::text[], $2::text[], $3::text[])
               AS given (event_id, agency, outcome)`,
      values: [
        ids,
        agencies.map(({ id }) => id),
        facts.map(({ exchangeId, messageId, manifestHash, sender }) =>
          JSON.stringify({
            type: 'accepted',
            exchangeId,
            messageId,
            manifestHash,
            sender,
            at: new Date().toISOString(),
          }),
        ),
      ],
    });
    const members = await exchange.database.query<{ payload: Buffer }>({
      text: 'SELECT payload FROM exchange.outbox WHERE event_id = ANY ($1) ORDER BY tx, id',
      values: [ids],
    });
    for (const { payload } of members.rows) {
      const body = { v: 1, ...recordMembers(ExchangeEvent.decode(payload).log!), assertedBy: 'hub' };
      const entry = prepareOpaque(unwrap(parseLogBody(body)), hub.audit.kek);
      await hub.audit.appender.append(plainProposal([entry]));
    }
    return ids;
  }

  async function noticesOf({ id }: Party): Promise<Outcome[]> {
    const { rows } = await exchange.owner.query<{ notice: string }>({
      text: 'SELECT notice FROM exchange.mailbox_items WHERE agency = $1 AND notice IS NOT NULL ORDER BY number',
      values: [id],
    });
    return rows.map(({ notice }) => unwrap(readStatement('outcome', notice)).payload);
  }

  it('is asked for, and the sender is told once, with a receipt that proves its own message', async () => {
    const [id] = await acceptedAndLogged(city);
    await exchange.reconciler({}).round();
    expect(await exchange.isConfirmed(id!)).toBe(true);
    const before = (await noticesOf(city)).length;
    expect(await asking().round()).toBe(1);
    expect(await asking().round()).toBe(0);
    const told = (await noticesOf(city)).slice(before);
    expect(told).toHaveLength(1);
    const { receipt, manifestHash } = told[0]!;
    const opening = unwrap(await openReleasedKey(receipt!.opening!, city.receiving));
    const { body } = unwrap(
      verifyReceipt({
        receipt: receipt!,
        opening,
        logVerifier: await hub.logVerifier(),
        expected: { manifestHash: manifestHash! },
      }),
    );
    expect(body).toMatchObject({ eventId: id, type: 'message-accepted', sender: city.id });
  });

  it('is asked for each in its turn, though some have no leaf', async () => {
    await asking().round();
    const waiting = Array.from({ length: 4 }, () => newEventId());
    await exchange.database.query({
      text: `INSERT INTO exchange.awaited_receipts (event_id, agency, outcome) SELECT unnest($1::text[]), $2, '{}'`,
      values: [waiting, city.id],
    });
    const [id] = await acceptedAndLogged(city);
    const narrow = asking({ pageSize: 2 });
    expect(await narrow.round()).toBe(1);
    const { rows } = await exchange.owner.query({
      text: 'SELECT FROM exchange.awaited_receipts WHERE event_id = $1',
      values: [id],
    });
    expect(rows).toEqual([]);
  });

  it('is given to nobody whom the entry does not name', async () => {
    const [id] = await acceptedAndLogged(city);
    const { findReceipts } = hub.calls();
    const told = await findReceipts({ owed: [{ eventId: id!, receiptFor: ombudsman.id }] });
    expect(told.found).toEqual([]);
    expect((await findReceipts({ owed: [{ eventId: id!, receiptFor: city.id }] })).found).toHaveLength(1);
  });

  it('is left to Kafka while it may still be under way', async () => {
    await acceptedAndLogged(city);
    expect(await asking({ leastAgeMs: 3_600_000 }).round()).toBe(0);
    expect(await asking().round()).toBe(2);
  });
});

describe('exchange that holds its messages against the log', () => {
  const rows = (): TransferRows =>
    new TransferRows({ database: exchange.database, audit: hub.calls(), clock: systemClock, alarmAfterMs: 0 });
  const round = (): Promise<void> => exchange.reconciler({ rows: [rows()] }).round();

  async function message(state: string): Promise<string> {
    const hash = sha256(newEventId());
    await exchange.database.query({
      text: `INSERT INTO exchange.messages (manifest_hash, exchange_id, message_id, sender, recipient, recipient_key, kind, state,
               owns_id, consents, manifest, expires_at, received_at, changed_at)
             VALUES ($1, $2, $3, $4, $5, 'key', 'request', $6, true, '{}', 'manifest', now(), now() - interval '1 minute',
               now() - interval '1 minute')`,
      values: [hash, newExchangeId(), newMessageId(), city.id, county.id, state],
    });
    return hash;
  }
  const logged = async (hash: string, ...types: readonly string[]): Promise<void> => {
    for (const type of types) await forged({ type, manifestHash: hash as LogBody['manifestHash'] & string });
  };
  const transfersAbout = async (...hashes: readonly string[]): Promise<string[]> =>
    (await openAbout(...hashes)).filter((one) => one.includes('transfer'));

  it('finds nothing where each has the entries of its state', async () => {
    const released = await message('released');
    const expired = await message('expired');
    const rejected = await message('rejected');
    await logged(released, 'message-accepted', 'message-released');
    await logged(expired, 'message-accepted', 'message-expired');
    await logged(rejected, 'message-rejected');
    await round();
    expect(await transfersAbout(released, expired, rejected)).toEqual([]);
  });

  it('finds a released message whose release the log does not know', async () => {
    const hash = await message('released');
    await logged(hash, 'message-accepted');
    await round();
    expect(await transfersAbout(hash)).toEqual(['transfer-without-leaf message-released']);
  });

  it('finds a message of which the outbox lost every trace before it was published', async () => {
    const hash = await message('available');
    await round();
    expect(await transfersAbout(hash)).toEqual(['transfer-without-leaf message-accepted']);
  });

  it('finds a leaf whose message was deleted past the triggers, and a release of no message', async () => {
    const deleted = await message('available');
    await logged(deleted, 'message-accepted');
    await exchange.owner.query({ text: 'DELETE FROM exchange.messages WHERE manifest_hash = $1', values: [deleted] });
    const unknown = sha256(newEventId());
    await logged(unknown, 'message-released');
    await round();
    expect(await transfersAbout(deleted)).toEqual(['leaf-without-transfer message-accepted']);
    expect(await transfersAbout(unknown)).toEqual(['leaf-without-transfer message-released']);
  });

  it('finds none where an entry of both agencies is erased since: the log cannot say what it was', async () => {
    const hash = await message('released');
    await logged(hash, 'message-accepted');
    const erased = await forged({
      type: 'message-released',
      manifestHash: hash as LogBody['manifestHash'] & string,
      sender: city.id,
      recipient: county.id,
    });
    await hub.owner('ALTER TABLE audit.entry DISABLE TRIGGER USER');
    await hub.owner('ALTER TABLE audit.entry_index DISABLE TRIGGER USER');
    await hub.owner(
      `DELETE FROM audit.entry_index USING audit.entry
       WHERE entry.leaf_index = entry_index.leaf_index AND event_id = $1`,
      [erased],
    );
    await hub.owner('UPDATE audit.entry SET body = NULL WHERE event_id = $1', [erased]);
    await hub.owner('ALTER TABLE audit.entry ENABLE ALWAYS TRIGGER entry_append_only');
    await hub.owner('ALTER TABLE audit.entry_index ENABLE ALWAYS TRIGGER entry_index_append_only');
    await round();
    expect(await transfersAbout(hash)).toEqual([]);
  });
});

describe('a log that lost a leaf', () => {
  it.each([
    ['in the middle', 1],
    ['at its end', 0],
  ])('%s is found by whom audit had confirmed it', async (_where, entriesAfter) => {
    const [id] = await consent.commit({ type: 'subject-linked', sender: city.id, subjects: [somebody(), somebody()] });
    await confirmed(consent, id!);
    for (let after = 0; after < entriesAfter; after += 1) await forged({ type: 'log-search' });
    await consent.reconciler({}).round();
    await hub.owner('ALTER TABLE audit.entry DISABLE TRIGGER entry_append_only');
    await hub.owner('DELETE FROM audit.entry WHERE event_id = $1', [id]);
    await hub.owner('ALTER TABLE audit.entry ENABLE ALWAYS TRIGGER entry_append_only');
    await everythingAgain(consent);
    expect(await openAbout(id!)).toEqual(['leaf-gone']);
  });
});
