import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GatewayRefusal, LogRecord, type WatchMailboxesResponse, topics } from '#contracts';
import type { Outcome } from '#envelope';
import { newEventId, newExchangeId, newMessageId } from '#kernel';
import { Database } from '#platform';
import { ConfirmLogged } from '../confirm-logged/confirm-logged.handler.js';
import type { MessageWish, Sent } from '../testing/network.fixture.js';
import { ExchangeStack, eventually } from '../testing/stack.fixture.js';

const DAY_MS = 86_400_000;

describe('mailboxes', () => {
  let stack: ExchangeStack;
  beforeAll(async () => {
    stack = await ExchangeStack.start({ ATTEMPTS_BEFORE_PARKING: 2, HELD_BACKOFF_MS: 10 });
  });
  afterAll(() => stack.stop());

  const posted = async (wish: Partial<MessageWish> = {}): Promise<Sent> => {
    const { municipality, kela } = stack.network;
    const sent = await stack.network.seal({ from: municipality, to: kela, kind: 'request', ...wish });
    await stack.post(sent);
    return sent;
  };
  const accepted = async (wish: Partial<MessageWish> = {}): Promise<Sent> => {
    const sent = await posted(wish);
    await stack.notice(wish.from ?? stack.network.municipality, 'accepted', sent.manifestHash);
    return sent;
  };
  const stateBecomes = (sent: Sent, state: string): Promise<void> =>
    eventually(async () => (await stack.stateOf(sent)) === state, `message ${state}`);

  it('deliver what a position acknowledges, and nothing behind it', async () => {
    const { kela } = stack.network;
    const first = await accepted();
    const { head } = await stack.mail(kela);
    const second = await accepted();
    await stack.mail(kela, head);
    expect([await stack.stateOf(first), await stack.stateOf(second)]).toEqual(['delivered', 'available']);
  });

  it('can be read again from an earlier position, also after opening', async () => {
    const { kela } = stack.network;
    const sent = await accepted();
    const { head } = await stack.mail(kela);
    await stack.mail(kela, head);
    await stack.release(kela, sent);
    expect((await stack.mail(kela, head - 1n)).messages).toEqual([sent.manifest]);
  });

  it('take no acknowledgement of what is still to come', async () => {
    const { kela } = stack.network;
    await accepted();
    const { head } = await stack.mail(kela);
    await stack.mail(kela, head + 1_000n);
    const later = await accepted();
    expect(await stack.stateOf(later)).toBe('available');
  });

  it('show nothing to agencies without one', async () => {
    const { items, head } = await stack.exchange.readMailbox({ agency: 'K-999', after: 0n, limit: 64 });
    expect({ items, head }).toEqual({ items: [], head: 0n });
  });

  it('tell their heads to who watches, all at first and then those that grow', async () => {
    const { kela } = stack.network;
    await accepted();
    const { head } = await stack.mail(kela);
    const seen: WatchMailboxesResponse[] = [];
    const stream = stack.exchange.raw.watchMailboxes({});
    stream.on('data', (response: WatchMailboxesResponse) => seen.push(response));
    stream.on('error', () => undefined);
    await eventually(() => seen.length > 0, 'heads');
    expect(seen[0]?.heads.find(({ agency }) => agency === kela.id)?.head).toBe(head);
    await posted();
    await eventually(
      () => seen.slice(1).some(({ heads }) => heads.some((one) => one.agency === kela.id && one.head === head + 1n)),
      'the grown head',
    );
    stream.cancel();
  });

  /** Types of the entries about its exchange, as the log was told of them. */
  const entriesOf = ({ context }: Sent): string[] =>
    stack.doubles.records.filter(({ exchangeId }) => exchangeId === context.exchangeId).map(({ type }) => type);

  describe('what time brings', () => {
    it('a message past its exp ends, its ciphertext goes, both sides are told', async () => {
      const { municipality, kela } = stack.network;
      const now = Math.floor(stack.clock.now().getTime() / 1000);
      const sent = await accepted({ exp: now + 3_600 });
      stack.clock.advance(3_700_000);
      await stateBecomes(sent, 'expired');
      for (const party of [municipality, kela])
        expect((await stack.notice(party, 'expired', sent.manifestHash)).code).toBe('MESSAGE_EXPIRED');
      expect((await stack.mail(kela)).messages).not.toContain(sent.manifest);
      const { rows } = await stack.owner.query({
        text: 'SELECT 1 FROM exchange.message_bodies WHERE manifest_hash = $1',
        values: [sent.manifestHash],
      });
      expect(rows).toEqual([]);
      expect(await stack.exchangeState(sent.context.exchangeId)).toBe('expired');
      await eventually(
        () => ['message-expired', 'exchange-expired'].every((type) => entriesOf(sent).includes(type)),
        'both entries',
      );
    });

    it('an urgent question that nobody answers expires after its working day', async () => {
      const { municipality, kela } = stack.network;
      const now = Math.floor(stack.clock.now().getTime() / 1000);
      const sent = await accepted({ urgency: 'urgent', exp: now + 60 * 86_400 });
      await stack.delivered(kela, sent);
      await stack.release(kela, sent);
      // One working day, at worst over a long holiday.
      stack.clock.advance(7 * DAY_MS);
      await eventually(
        async () => (await stack.exchangeState(sent.context.exchangeId)) === 'expired',
        'exchange expired',
      );
      for (const party of [municipality, kela])
        expect((await stack.notice(party, 'expired', sent.manifestHash)).code).toBe('DEADLINE_PASSED');
      const late = await posted({
        from: kela,
        to: municipality,
        kind: 'answer',
        exchangeId: sent.context.exchangeId,
        inReplyTo: sent.manifestHash,
        exp: now + 60 * 86_400,
      });
      expect((await stack.notice(kela, 'rejected', late.manifestHash)).code).toBe('DEADLINE_PASSED');
    });

    it('a referral that was opened and that nobody objected to is taken over', async () => {
      const { municipality, kela } = stack.network;
      const now = Math.floor(stack.clock.now().getTime() / 1000);
      const sent = await accepted({ kind: 'referral', from: kela, to: municipality, exp: now + 60 * 86_400 });
      await stack.release(municipality, sent);
      expect(await stack.exchangeState(sent.context.exchangeId)).toBe('open');
      stack.clock.advance(15 * DAY_MS);
      await stack.notice(kela, 'closed', sent.manifestHash);
      expect(await stack.exchangeState(sent.context.exchangeId)).toBe('answered');
      await eventually(() => entriesOf(sent).includes('exchange-answered'), 'the entry');
    });

    it('a message to a key that was revoked cannot be delivered', async () => {
      const { county, kela } = stack.network;
      const sent = await accepted({ from: kela, to: county, kind: 'notice' });
      stack.network.revoked.set(county.receiving.kid, stack.clock.now());
      stack.doubles.publishDirectory();
      await stateBecomes(sent, 'undeliverable');
      expect((await stack.notice(kela, 'undeliverable', sent.manifestHash)).code).toBe('KEY_REVOKED');
      expect(await stack.exchangeState(sent.context.exchangeId)).toBe('cancelled');
      await eventually(
        () => ['message-undeliverable', 'exchange-cancelled'].every((type) => entriesOf(sent).includes(type)),
        'both entries',
      );
      const next = await posted({ from: kela, to: county, kind: 'notice' });
      expect((await stack.notice(kela, 'rejected', next.manifestHash)).code).toBe('KEY_REVOKED');
    });
  });

  describe('a refusal at the edge', () => {
    const refusal = (manifestHash: Sent['manifestHash']): { log: LogRecord; value: Uint8Array; key: string } => {
      const { municipality } = stack.network;
      const log = LogRecord.fromPartial({
        eventId: newEventId(),
        type: 'edge-refused',
        at: stack.clock.now(),
        exchangeId: newExchangeId(),
        messageId: newMessageId(),
        manifestHash,
        sender: municipality.id,
        code: 'HASH_MISMATCH',
        receiptFor: municipality.id,
      });
      return { log, key: municipality.id, value: GatewayRefusal.encode({ agency: municipality.id, log }).finish() };
    };

    it.each(['told before it is logged', 'logged before it is told'])(
      '%s comes signed and with its receipt into the agency’s mailbox',
      async (order) => {
        const hash = (order.startsWith('told') ? 'C' : 'D').repeat(42).concat('A') as Sent['manifestHash'];
        const { log, key, value } = refusal(hash);
        const tell = (): Promise<void> => stack.log.publish(topics.gatewayRefusals, [{ key, value }]);
        const count = async (table: string): Promise<number> => {
          const { rows } = await stack.owner.query<{ n: number }>({
            text: `SELECT count(*)::int AS n FROM exchange.${table} WHERE event_id = $1`,
            values: [log.eventId],
          });
          return rows[0]?.n ?? 0;
        };
        if (order.startsWith('told')) {
          await tell();
          await eventually(async () => (await count('awaited_receipts')) === 1, 'refusal heard of');
          await stack.doubles.logAndTell([log]);
        } else {
          await stack.doubles.logAndTell([log]);
          await eventually(async () => (await count('early_receipts')) === 1, 'receipt kept');
          await tell();
        }
        const notice = await stack.notice(stack.network.municipality, 'rejected', hash);
        expect(notice.code).toBe('HASH_MISMATCH');
        expect(notice.receipt?.leafIndex).toBeGreaterThan(0);
        expect(await count('awaited_receipts')).toBe(0);
        expect(await count('early_receipts')).toBe(0);
      },
    );

    it('comes also when neither of the two is committed before the other looks', async () => {
      const hash = 'E'.repeat(42).concat('A') as Sent['manifestHash'];
      const { log } = refusal(hash);
      const { id: agency } = stack.network.municipality;
      const confirm = stack.app.get(ConfirmLogged, { strict: false });
      const database = stack.app.get(Database, { strict: false });
      const outcome: Outcome = {
        type: 'rejected',
        exchangeId: log.exchangeId as Outcome['exchangeId'],
        messageId: log.messageId as Outcome['messageId'],
        sender: agency,
        manifestHash: hash,
        at: stack.clock.now().toISOString(),
      };
      const receipt = {
        leafIndex: 7n,
        inclusionProof: [],
        checkpoint: 'checkpoint',
        opening: 'opening',
        places: Buffer.alloc(0),
      };
      const entry = { eventId: log.eventId, leafIndex: 7n, topic: topics.gatewayRefusals, receipt };
      const waits = async (): Promise<boolean> => {
        const { rows } = await stack.owner.query({
          text: `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        });
        return rows.length > 0;
      };

      let over = false;
      let confirming: Promise<void> | undefined;
      await database.transaction(async (client) => {
        await confirm.await(client, [{ event_id: log.eventId, agency, outcome }]);
        confirming = database
          .transaction(async (other) => {
            await confirm.begin(other);
            await confirm.confirm(other, [{ entries: [entry], checkpoint: 'checkpoint' }]);
          })
          .finally(() => (over = true));
        await eventually(async () => over || (await waits()), 'the second has looked or waits');
      });
      await confirming;

      const notice = await stack.notice(stack.network.municipality, 'rejected', hash);
      expect(notice.receipt?.leafIndex).toBe(7);
    });
  });

  describe('a message on which processing breaks', () => {
    const poison = async (): Promise<Sent> => {
      const { municipality, kela } = stack.network;
      const sent = await stack.network.seal({ from: municipality, to: kela, kind: 'request' });
      // An answer that consent never gives: a fault of ours, not of the message.
      stack.doubles.noBasis.set(sent.manifest, 'NO_SUCH_CODE' as 'NO_BASIS');
      await stack.post(sent);
      return sent;
    };
    const parked = async (sent: Sent) => {
      const { messages } = await stack.exchange.listParked({ limit: 100 });
      return messages.find(({ exchangeId }) => exchangeId === sent.context.exchangeId);
    };
    const parkedOnce = async (sent: Sent) => {
      await eventually(async () => (await parked(sent)) !== undefined, 'parked');
      return (await parked(sent))!;
    };

    it('is parked and blocks its own exchange only; retried, both go on in order', async () => {
      const { municipality } = stack.network;
      const sent = await poison();
      const behind = await posted({ kind: 'notice', exchangeId: sent.context.exchangeId });
      await accepted();
      const { id } = await parkedOnce(sent);
      expect(await stack.stateOf(behind)).toBeUndefined();

      stack.doubles.noBasis.delete(sent.manifest);
      await stack.exchange.retryParked({ id });
      await stack.notice(municipality, 'accepted', sent.manifestHash);
      await stack.notice(municipality, 'accepted', behind.manifestHash);
      expect(await stack.numbersOf(sent.context.exchangeId)).toEqual([1, 2]);
      expect(stack.doubles.types).toContain('message-parked');
    });

    it('is given up by an operator with a reason: logged, and its sender told', async () => {
      const sent = await poison();
      const { id } = await parkedOnce(sent);
      await expect(stack.exchange.discardParked({ id, reason: '' })).rejects.toMatchObject({ code: 'MALFORMED' });
      await stack.exchange.discardParked({ id, reason: 'fault 17' });

      expect((await stack.notice(stack.network.municipality, 'discarded', sent.manifestHash)).code).toBe('PARKED');
      await stack.allLogged();
      expect(stack.doubles.types).toContain('message-discarded');
      expect(await parked(sent)).toBeUndefined();
    });
  });

  it('show an exchange to its parties and to nobody else', async () => {
    const { municipality, county } = stack.network;
    const sent = await accepted();
    const { exchangeId } = sent.context;
    const shown = await stack.exchange.getExchange({ agency: municipality.id, exchangeId });
    expect(shown).toMatchObject({ state: 'open', asker: 'K-235', holder: 'L-KELA' });
    expect(shown.messages).toMatchObject([{ kind: 'request', state: 'available', manifestHash: sent.manifestHash }]);
    expect(shown.messages[0]?.leafIndex).toBeGreaterThan(0n);
    await expect(stack.exchange.getExchange({ agency: county.id, exchangeId })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
