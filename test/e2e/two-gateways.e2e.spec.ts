import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MessageContext, SealedMessage } from '#envelope';
import type { ConsentId } from '#kernel';
import {
  byConsent,
  type HubAgency,
  type HttpAnswer,
  type PreparedCall,
  type ReleaseResult,
  send,
  statute,
} from './hub-agency.js';
import { type RunningHub, startAnotherGateway, startTestHub, until } from './running-hub.js';

/** Two instances of the gateway before one hub, behind one public address, as a load balancer would have them. */
describe('over two gateways', () => {
  let hub: RunningHub;
  let municipality: HubAgency;
  let county: HubAgency;
  let one: string;
  let two: string;

  beforeAll(async () => {
    hub = await startTestHub();
    [municipality, county, two] = await Promise.all([
      hub.agency('K-235'),
      hub.agency('H-03'),
      startAnotherGateway(hub),
    ]);
    one = hub.addresses.gateway;
    // Both agencies hold a nonce of either instance.
    for (const agency of [municipality, county])
      for (const at of [one, two])
        await until(async () => (await agency.call('GET', '/v1/mailbox', undefined, at)).status === 200);
  }, 180_000);

  afterAll(() => hub?.stop());

  type Posted = HttpAnswer<{ code?: string; messages?: { status: string }[] }>;

  const sealed = async (from: HubAgency, to: HubAgency, given: Partial<MessageContext> = {}) => {
    const context = from.context(to, given.kind ?? 'request', given);
    return { context, message: await from.seal(to, context) };
  };
  const bodyOf = ({ manifest, capsule, outer }: SealedMessage) => ({ messages: [{ manifest, capsule, outer }] });

  /** In the recipient's mailbox: posted at one gateway. */
  const delivered = async (...wish: Parameters<typeof sealed>) => {
    const sent = await sealed(...wish);
    expect((await wish[0].post(sent.message)).status).toBe(202);
    await wish[1].mailUntil(wish[1].message(sent.message.manifestHash));
    return sent;
  };

  /** After a later message of the same exchange, everything before it has had its effect. */
  const effectsOf = async (context: MessageContext, message: SealedMessage) => {
    const given = { kind: 'notice' as const, categories: [], basis: [], exchangeId: context.exchangeId };
    const last = await delivered(municipality, county, given);
    await municipality.told('accepted', last.context.messageId);
    return {
      delivered: (await county.mail()).filter(county.message(message.manifestHash)).length,
      accepted: (await municipality.mail()).filter(municipality.notice('accepted', context.messageId)).length,
    };
  };

  /** Ready to be sent, with a nonce that this instance has just given: how long other tests took does not matter. */
  const prepared = async (from: HubAgency, method: string, path: string, body?: object, at = one) => {
    await from.call('GET', '/v1/mailbox', undefined, at);
    return from.prepared(method, path, body, at);
  };

  it('a captured post is refused at the gateway that took it and at the other, and has one effect', async () => {
    const { context, message } = await sealed(municipality, county);
    const captured = await prepared(municipality, 'POST', '/v1/messages', bodyOf(message));
    const answers: Posted[] = [];
    for (const at of [one, one, two]) answers.push(await send(captured, at));
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [202, undefined],
      [401, 'DPOP_INVALID'],
      [401, 'USE_DPOP_NONCE'],
    ]);
    expect(await effectsOf(context, message)).toEqual({ delivered: 1, accepted: 1 });
  });

  it('a captured post sent to both at the same moment is taken by the one whose nonce it carries', async () => {
    const { context, message } = await sealed(municipality, county);
    const captured: PreparedCall = await prepared(municipality, 'POST', '/v1/messages', bodyOf(message), two);
    const answers = await Promise.all([one, two, two, one].map((at) => send<{ code?: string }>(captured, at)));
    expect(answers.map(({ body }) => body.code ?? 'taken').sort()).toEqual([
      'DPOP_INVALID',
      'USE_DPOP_NONCE',
      'USE_DPOP_NONCE',
      'taken',
    ]);
    expect(await effectsOf(context, message)).toEqual({ delivered: 1, accepted: 1 });
  });

  it('a captured proof with a nonce of the other gateway written into it is refused: the signature no longer fits', async () => {
    const captured = await municipality.prepared('GET', '/v1/mailbox');
    const [header, , signature] = captured.headers['dpop']!.split('.');
    const own = (await municipality.prepared('GET', '/v1/mailbox', undefined, two)).headers['dpop']!.split('.')[1];
    const forged = { ...captured, headers: { ...captured.headers, dpop: [header, own, signature].join('.') } };
    expect(await send(forged, two)).toMatchObject({ status: 401, body: { code: 'DPOP_INVALID' } });
  });

  it('a captured call is refused by a gateway that was started anew and remembers no proof', async () => {
    const captured = await prepared(county, 'GET', '/v1/mailbox', undefined, two);
    expect((await send(captured, two)).status).toBe(200);
    await hub.stack.supervisor.restart('gateway-2');
    await until(async () => (await county.call('GET', '/v1/mailbox', undefined, two)).status === 200);
    expect(await send(captured, two)).toMatchObject({ status: 401, body: { code: 'USE_DPOP_NONCE' } });
  });

  it('one message posted through both at the same moment has one effect', async () => {
    const { context, message } = await sealed(municipality, county);
    const answers = await Promise.all(
      [one, two, one, two].map((at) => municipality.call('POST', '/v1/messages', bodyOf(message), at)),
    );
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    expect(await effectsOf(context, message)).toEqual({ delivered: 1, accepted: 1 });
  });

  it('one release request through both at the same moment is one entry', async () => {
    const { message } = await delivered(municipality, county);
    const wish = await county.releaseRequest(message.manifestHash);
    const results = await Promise.all([one, two, one, two].map((at) => county.releaseAt(at, wish)));
    expect(new Set(results.map(leafOf)).size).toBe(1);
    expect(await county.entryType(results[0]!)).toBe('message-released');
  });

  it('two consumers of one message through both at the same moment: one first opening, each an entry of its own', async () => {
    const { message } = await delivered(municipality, county);
    const wishes = await Promise.all([one, two].map(() => county.releaseRequest(message.manifestHash)));
    const results = await Promise.all([one, two].map((at, n) => county.releaseAt(at, wishes[n]!)));
    expect(new Set(results.map(leafOf)).size).toBe(2);
    const types = await Promise.all(results.map((result) => county.entryType(result)));
    expect(types.sort()).toEqual(['message-re-released', 'message-released']);
  });

  const consented = (uses: 'once' | 'repeated'): Promise<ConsentId> =>
    municipality.recordConsent({ disclosers: [county.id] }, { uses: { kind: uses } });
  const resting = (id: ConsentId): Partial<MessageContext> => ({ categories: [12], basis: [byConsent([12], id)] });

  it('a consent for one time used through both at the same moment: exactly one', async () => {
    const id = await consented('once');
    const disclosed = () => delivered(county, municipality, { kind: 'referral', ...resting(id) });
    const sent = [await disclosed(), await disclosed()];
    const wishes = await Promise.all(sent.map(({ message }) => municipality.releaseRequest(message.manifestHash)));
    const results = await Promise.all([one, two].map((at, n) => municipality.releaseAt(at, wishes[n]!)));
    expect(results.map(({ refused }) => refused?.code).sort()).toEqual(['CONSENT_USED_UP', undefined]);
  });

  it('a sealed request posted at one is accepted, delivered, released at the other with a receipt, and opened as it was sealed', async () => {
    const consent = await consented('repeated');
    const basis = [statute([11]), byConsent([12], consent)];
    const context = municipality.context(county, 'request', { categories: [11, 12], basis });
    const content = { type: 'test', text: 'as it was sealed' };
    const message = await municipality.seal(county, context, content);

    expect((await municipality.post(message)).status).toBe(202);
    const { message: got } = await county.mailUntil(county.message(message.manifestHash));
    const { released } = await county.releaseAt(two, await county.releaseRequest(message.manifestHash));
    const opened = await county.open(municipality, got!, released!);

    expect(opened.content).toEqual(content);
    expect(opened.context).toEqual(context);
    await municipality.told('accepted', context.messageId);
  });

  it('a request is not released at the other once the consent is withdrawn at one, and both sides are told', async () => {
    const id = await consented('repeated');
    const { context, message } = await delivered(municipality, county, resting(id));
    await municipality.withdraw(id);
    const { refused } = await county.releaseAt(two, await county.releaseRequest(message.manifestHash));
    expect(['CONSENT_WITHDRAWN', 'MESSAGE_FINAL']).toContain(refused?.code);
    await municipality.mailUntil(municipality.notice('withdrawn', context.messageId));
    // A release that was refused before the withdrawal had ended the message ended it itself, and is what the county is told of.
    const types = refused?.code === 'CONSENT_WITHDRAWN' ? ['withdrawn', 'release-refused'] : ['withdrawn'];
    await county.mailUntil((item) => {
      const told = county.about(item, context.messageId);
      return told !== undefined && types.includes(told.type) && told.code === 'CONSENT_WITHDRAWN';
    });
  });

  it('a withdrawal through one and an opening through the other at the same moment: nothing is opened afterwards', async () => {
    const id = await consented('repeated');
    const { message } = await delivered(municipality, county, resting(id));
    const wish = await county.releaseRequest(message.manifestHash);
    const [opened] = await Promise.all([county.releaseAt(two, wish), municipality.withdraw(id)]);
    expect([undefined, 'CONSENT_WITHDRAWN', 'MESSAGE_FINAL']).toContain(opened.refused?.code);
    for (const at of [one, two]) {
      const { refused } = await county.releaseAt(at, await county.releaseRequest(message.manifestHash));
      expect(['CONSENT_WITHDRAWN', 'MESSAGE_FINAL']).toContain(refused?.code);
    }
  });
});

const leafOf = ({ released }: ReleaseResult): number | undefined => released?.receipt.leafIndex;
