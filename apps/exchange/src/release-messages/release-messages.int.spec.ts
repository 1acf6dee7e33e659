import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ConsentEvent, LogRecord, topics } from '#contracts';
import { type ConsentId, newConsentId, newEventId } from '#kernel';
import type { MessageWish, Sent } from '../testing/network.fixture.js';
import { ExchangeStack, eventually } from '../testing/stack.fixture.js';

describe('releasing messages', () => {
  let stack: ExchangeStack;
  beforeAll(async () => {
    stack = await ExchangeStack.start();
  });
  afterAll(() => stack.stop());
  afterEach(() => {
    stack.doubles.onPermit = undefined;
    stack.doubles.auditMute = false;
    stack.doubles.auditDown = false;
    stack.doubles.consentDown = false;
  });

  /** A request that Kela's agent has stored. */
  const delivered = async (wish: Partial<MessageWish> = {}): Promise<Sent> => {
    const { municipality, kela } = stack.network;
    const sent = await stack.network.seal({ from: municipality, to: kela, kind: 'request', ...wish });
    await stack.post(sent);
    await stack.delivered(wish.to ?? kela, sent);
    return sent;
  };

  /** As consent announces it, after its commit. */
  const announceWithdrawal = (consentId: ConsentId): Promise<void> =>
    stack.log.publish(topics.consentEvents, [
      {
        key: consentId,
        value: ConsentEvent.encode({
          state: 'withdrawn',
          parties: [],
          log: LogRecord.fromPartial({
            eventId: newEventId(),
            type: 'consent-withdrawn',
            consentId,
            consentVersion: 1,
          }),
        }).finish(),
      },
    ]);

  const stateBecomes = (sent: Sent, state: string): Promise<void> =>
    eventually(async () => (await stack.stateOf(sent)) === state, `message ${state}`);

  const noticesAbout = async (sent: Sent) => {
    const { municipality, kela } = stack.network;
    const about = async (party: typeof kela) =>
      (await stack.mail(party)).notices
        .filter(({ manifestHash, type }) => manifestHash === sent.manifestHash && type !== 'accepted')
        .map(({ type, code }) => `${type} ${code}`);
    return { sender: await about(municipality), recipient: await about(kela) };
  };

  it('opens a message that was not acknowledged yet, which its signed request acknowledges', async () => {
    const { municipality, kela } = stack.network;
    const sent = await stack.network.seal({ from: municipality, to: kela, kind: 'request' });
    await stack.post(sent);
    await stateBecomes(sent, 'available');
    expect(await stack.release(kela, sent)).toEqual({ released: true, code: '' });

    expect(await stack.stateOf(sent)).toBe('released');
    expect(await stack.numbersOf(sent.context.exchangeId)).toEqual([1, 2]);
  });

  it('opens it again under a new request, and leaves it released', async () => {
    const sent = await delivered();
    await stack.release(stack.network.kela, sent);
    expect(await stack.release(stack.network.kela, sent)).toEqual({ released: true, code: '' });
    expect(await stack.stateOf(sent)).toBe('released');
    expect(stack.doubles.types).toContain('message-re-released');
  });

  it('finds only messages in the mailbox of the agency that asks', async () => {
    const sent = await delivered();
    expect(await stack.release(stack.network.county, sent)).toEqual({ released: false, code: 'NOT_IN_MAILBOX' });
  });

  it('takes a request signed by the agency of the token only', async () => {
    const { county, kela } = stack.network;
    const sent = await delivered();
    const releaseRequest = await stack.network.releaseRequest(kela, sent.manifestHash);
    const { results } = await stack.exchange.release({ agency: county.id, items: [{ releaseRequest, seenSize: 0n }] });
    expect(results[0]?.result).toMatchObject({ $case: 'refused', value: { code: 'SENDER_MISMATCH' } });
  });

  it('answers a batch in its order, each for itself', async () => {
    const { kela } = stack.network;
    const first = await delivered();
    const second = await delivered();
    const items = await Promise.all(
      [first.manifestHash, 'B'.repeat(43) as Sent['manifestHash'], second.manifestHash].map(async (hash) => ({
        releaseRequest: await stack.network.releaseRequest(kela, hash),
        seenSize: 0n,
      })),
    );
    const { results } = await stack.exchange.release({ agency: kela.id, items });
    expect(results.map(({ result }) => result?.$case)).toEqual(['released', 'refused', 'released']);
  });

  describe('logs a refusal that does not get as far as audit', () => {
    const refusals = async (agency: string) => {
      await stack.allLogged();
      return stack.doubles.records.filter(
        ({ type, actorAgency }) => type === 'message-release-refused' && actorAgency === agency,
      );
    };

    it('about a message in the mailbox in its exchange, with the request', async () => {
      const { kela } = stack.network;
      const consentId = newConsentId();
      const sent = await delivered({ consentId });
      await announceWithdrawal(consentId);
      await stateBecomes(sent, 'withdrawn');
      expect(await stack.release(kela, sent)).toMatchObject({ released: false, code: 'MESSAGE_FINAL' });
      const logged = (await refusals(kela.id)).filter(({ manifestHash }) => manifestHash === sent.manifestHash);
      expect(logged).toMatchObject([
        { code: 'MESSAGE_FINAL', exchangeId: sent.context.exchangeId, evidence: [{ kind: 'release-request' }] },
      ]);
      const numbers = await stack.numbersOf(sent.context.exchangeId);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    });

    it('that concerns no mail of the caller without a word about the message, the requests of one call together', async () => {
      const { county, kela } = stack.network;
      const sent = await delivered();
      const before = (await refusals(county.id)).length;
      const own = await Promise.all(
        Array.from({ length: 17 }, () => stack.network.releaseRequest(county, sent.manifestHash)),
      );
      const another = await stack.network.releaseRequest(kela, sent.manifestHash);
      const items = [...own, another].map((releaseRequest) => ({ releaseRequest, seenSize: 0n }));
      await stack.exchange.release({ agency: county.id, items });
      const logged = (await refusals(county.id)).slice(before);
      const summary = logged.map(({ code, evidence, manifestHash, messageId }) => [
        code,
        evidence.length,
        manifestHash + messageId,
      ]);
      expect(summary.sort()).toEqual([
        ['NOT_IN_MAILBOX', 1, ''],
        ['NOT_IN_MAILBOX', 16, ''],
        ['SENDER_MISMATCH', 1, ''],
      ]);
    });
  });

  it.each(['consentDown', 'auditDown'] as const)('releases nothing with %s, and the message stays', async (down) => {
    const sent = await delivered();
    stack.doubles[down] = true;
    await expect(stack.release(stack.network.kela, sent)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    stack.doubles[down] = false;
    expect(await stack.stateOf(sent)).toBe('delivered');
    expect((await stack.release(stack.network.kela, sent)).released).toBe(true);
  });

  describe('a consent withdrawn', () => {
    it('and announced before the release: the message is withdrawn, both sides told why', async () => {
      const consentId = newConsentId();
      const sent = await delivered({ consentId });
      await announceWithdrawal(consentId);
      await stateBecomes(sent, 'withdrawn');

      expect(await stack.release(stack.network.kela, sent)).toEqual({ released: false, code: 'MESSAGE_FINAL' });
      const told = ['withdrawn CONSENT_WITHDRAWN'];
      expect(await noticesAbout(sent)).toEqual({ sender: told, recipient: told });
      expect(await stack.exchangeState(sent.context.exchangeId)).toBe('withdrawn');
      await stack.allLogged();
      const entries = stack.doubles.records.filter(({ exchangeId }) => exchangeId === sent.context.exchangeId);
      expect(entries.map(({ type }) => type)).toEqual(
        expect.arrayContaining(['message-withdrawn', 'exchange-withdrawn']),
      );
    });

    it('and not announced yet: consent refuses, both sides are told, and the announcement changes nothing', async () => {
      const consentId = newConsentId();
      const sent = await delivered({ consentId });
      stack.doubles.refusals.set(sent.manifest, 'CONSENT_WITHDRAWN');
      expect(await stack.release(stack.network.kela, sent)).toEqual({ released: false, code: 'CONSENT_WITHDRAWN' });
      expect(await stack.stateOf(sent)).toBe('withdrawn');
      await announceWithdrawal(consentId);
      const other = newConsentId();
      const later = await delivered({ consentId: other });
      await announceWithdrawal(other);
      await stateBecomes(later, 'withdrawn');

      expect(await noticesAbout(sent)).toEqual({
        sender: ['withdrawn CONSENT_WITHDRAWN'],
        recipient: ['release-refused CONSENT_WITHDRAWN'],
      });
      // The refusal is audit's entry, written at once while the others come through the outbox; exchange adds none about the
      // message.
      await stack.allLogged();
      const types = stack.doubles.records
        .filter(({ manifestHash }) => manifestHash === sent.manifestHash)
        .map(({ type }) => type);
      expect(types.sort()).toEqual(['exchange-withdrawn', 'message-accepted', 'message-delivered', 'release-refused']);
    });

    it('between permit and audit’s answer: the release stands, and nobody is told otherwise', async () => {
      const consentId = newConsentId();
      const sent = await delivered({ consentId });
      stack.doubles.onPermit = async () => {
        await announceWithdrawal(consentId);
        await eventually(() => waitingEnd(sent), 'the withdrawal waits');
      };
      expect((await stack.release(stack.network.kela, sent)).released).toBe(true);
      expect(await stack.stateOf(sent)).toBe('released');
      expect(await noticesAbout(sent)).toEqual({ sender: [], recipient: [] });
    });

    it('while audit is down: the message is withdrawn as soon as no permit can be alive', async () => {
      const consentId = newConsentId();
      const sent = await delivered({ consentId });
      stack.doubles.auditDown = true;
      await expect(stack.release(stack.network.kela, sent)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      stack.doubles.auditDown = false;
      await announceWithdrawal(consentId);
      await eventually(() => waitingEnd(sent), 'the withdrawal waits');
      expect(await stack.stateOf(sent)).toBe('delivered');
      stack.clock.advance(31_000);
      await stateBecomes(sent, 'withdrawn');
    });

    it('after the release: the message stays released, its question ends', async () => {
      const consentId = newConsentId();
      const sent = await delivered({ consentId });
      await stack.release(stack.network.kela, sent);
      await announceWithdrawal(consentId);
      await eventually(
        async () => (await stack.exchangeState(sent.context.exchangeId)) === 'withdrawn',
        'exchange withdrawn',
      );
      expect(await stack.stateOf(sent)).toBe('released');
    });
  });

  it('takes a release whose answer was lost from audit’s event, and gives the same again for the same request', async () => {
    const sent = await delivered();
    stack.doubles.auditMute = true;
    const jti = newEventId();
    await expect(stack.release(stack.network.kela, sent, jti)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await stateBecomes(sent, 'released');
    stack.doubles.auditMute = false;
    expect((await stack.release(stack.network.kela, sent, jti)).released).toBe(true);
    const entries = stack.doubles.records.filter(
      ({ manifestHash, type }) => manifestHash === sent.manifestHash && /released$/.test(type),
    );
    expect(entries.map(({ type }) => type)).toEqual(['message-released']);
  });

  it('closes the exchange of a notice when it is opened, and tells its sender', async () => {
    const { municipality, kela } = stack.network;
    const sent = await delivered({ kind: 'notice' });
    await stack.release(kela, sent);
    expect(await stack.exchangeState(sent.context.exchangeId)).toBe('answered');
    await stack.notice(municipality, 'closed', sent.manifestHash);
  });

  async function waitingEnd(sent: Sent): Promise<boolean> {
    const { rows } = await stack.owner.query<{ ends_with: string | null }>({
      text: 'SELECT ends_with FROM exchange.messages WHERE manifest_hash = $1',
      values: [sent.manifestHash],
    });
    return rows[0]?.ends_with === 'CONSENT_WITHDRAWN';
  }
});
