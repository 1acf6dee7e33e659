import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConsentEvent, LogRecord, topics } from '#contracts';
import { type ConsentNotice, readStatement } from '#envelope';
import { type AgencyId, type ConsentId, newConsentId, newEventId, type Pseudonym } from '#kernel';
import type { Party, Sent } from '../testing/network.fixture.js';
import { ExchangeStack, eventually } from '../testing/stack.fixture.js';

const subject = `p1.${'S'.repeat(42)}A` as Pseudonym;

describe('what happens to a consent', () => {
  let stack: ExchangeStack;
  beforeAll(async () => {
    stack = await ExchangeStack.start();
  });
  afterAll(() => stack.stop());

  const announce = async (
    consentId: ConsentId,
    {
      state,
      type,
      parties,
      by,
      version = 1,
    }: { state: string; type: string; parties: AgencyId[]; by?: AgencyId; version?: number },
  ): Promise<void> => {
    const log = LogRecord.fromPartial({
      eventId: newEventId(),
      type,
      at: new Date('2026-11-25T10:00:00Z'),
      consentId,
      consentVersion: version,
      subjects: [subject],
      actorAgency: by ?? '',
    });
    await stack.log.publish(topics.consentEvents, [
      { key: consentId, value: ConsentEvent.encode({ state, parties, log }).finish() },
    ]);
  };
  const noticesOf = async (party: Party, consentId: ConsentId): Promise<ConsentNotice[]> => {
    const { items } = await stack.exchange.readMailbox({ agency: party.id, after: 0n, limit: 64 });
    return items.flatMap(({ item }) => {
      const read = item?.$case === 'notice' ? readStatement('consent-notice', item.value) : undefined;
      return read?.ok && read.value.payload.consentId === consentId ? [read.value.payload] : [];
    });
  };

  it('is told to each party but the one that told it, signed, in its mailbox', async () => {
    const { municipality, kela } = stack.network;
    const consentId = newConsentId();
    const parties = [municipality.id, kela.id];
    await announce(consentId, { state: 'suspended', type: 'consent-suspended', parties, by: municipality.id });
    await announce(consentId, { state: 'expired', type: 'consent-expired', parties });
    await eventually(async () => (await noticesOf(kela, consentId)).length === 2, 'both notices');
    expect(await noticesOf(kela, consentId)).toMatchObject([
      { type: 'consent-suspended', state: 'suspended', version: 1, subject, by: municipality.id },
      { type: 'consent-expired', state: 'expired', at: '2026-11-25T10:00:00.000Z' },
    ]);
    expect((await noticesOf(municipality, consentId)).map(({ type }) => type)).toEqual(['consent-expired']);
  });

  describe.each([
    ['suspended', false],
    ['revoked', true],
    ['invalidated', true],
    ['expired', true],
    ['withdrawn', true],
  ] as const)('to %s', (state, ends) => {
    it(ends ? 'ends what was not opened yet' : 'leaves what was not opened yet: it may be resumed', async () => {
      const { municipality, kela } = stack.network;
      const consentId = newConsentId();
      const sent: Sent = await stack.network.seal({ from: municipality, to: kela, kind: 'request', consentId });
      await stack.post(sent);
      await eventually(async () => (await stack.stateOf(sent)) === 'available', 'available');
      await announce(consentId, { state, type: `consent-${state}`, parties: [kela.id] });
      await eventually(async () => (await noticesOf(kela, consentId)).length === 1, 'the notice');
      // The notice is put in the transaction that ends.
      expect(await stack.stateOf(sent)).toBe(ends ? 'withdrawn' : 'available');
    });
  });

  describe('of which a newer version is made', () => {
    const superseded = async (version: number) => {
      const { municipality, kela } = stack.network;
      const consentId = newConsentId();
      const sent: Sent = await stack.network.seal({ from: municipality, to: kela, kind: 'request', consentId });
      await stack.post(sent);
      await eventually(async () => (await stack.stateOf(sent)) === 'available', 'available');
      const parties = [kela.id];
      await announce(consentId, { state: 'superseded', type: 'consent-superseded', parties, version });
      await eventually(async () => (await noticesOf(kela, consentId)).length === 1, 'the notice');
      return sent;
    };
    const codesFor = async (party: Party, sent: Sent): Promise<(string | undefined)[]> => {
      const { items } = await stack.exchange.readMailbox({ agency: party.id, after: 0n, limit: 64 });
      return items.flatMap(({ item }) => {
        const read = item?.$case === 'notice' ? readStatement('outcome', item.value) : undefined;
        return read?.ok &&
          read.value.payload.messageId === sent.context.messageId &&
          read.value.payload.type !== 'accepted'
          ? [read.value.payload.code]
          : [];
      });
    };

    it('ends at once what rests on the one before and was not opened, and tells the sender to send it again', async () => {
      const sent = await superseded(1);
      expect(await stack.stateOf(sent)).toBe('withdrawn');
      expect(await codesFor(stack.network.municipality, sent)).toEqual(['CONSENT_SUPERSEDED']);
    });

    it('leaves what rests on the newer one', async () => {
      // Version 1 is what the message names.
      expect(await stack.stateOf(await superseded(0))).toBe('available');
    });
  });
});
