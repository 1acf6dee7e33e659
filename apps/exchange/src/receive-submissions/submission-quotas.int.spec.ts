import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { metrics } from '#platform';
import { type Pseudonym, sha256 } from '#kernel';
import type { MessageWish, Sent } from '../testing/network.fixture.js';
import { ExchangeStack, eventually } from '../testing/stack.fixture.js';

const DAY_MS = 86_400_000;
const person = (name: string): Pseudonym => `p1.${sha256(name)}` as Pseudonym;

describe('an agency that', () => {
  let stack: ExchangeStack;
  beforeAll(async () => {
    stack = await ExchangeStack.start({ QUOTA_SUBJECT_PER_DAY: 3, QUOTA_SUBJECTS_PER_DAY: 5 });
  });
  afterAll(() => stack.stop());

  const { floor } = Math;
  /** The next day of the quotas; another test's counts are over then. */
  const tomorrow = (): void => {
    const now = stack.clock.now().getTime();
    stack.clock.advance((floor(now / DAY_MS) + 1) * DAY_MS - now + 1_000);
    stack.doubles.publishDirectory();
  };

  const asking = (subject: Pseudonym, wish: Partial<MessageWish> = {}): Promise<Sent> =>
    stack.network.seal({ from: stack.network.municipality, to: stack.network.kela, kind: 'request', subject, ...wish });

  const outcome = async (sent: Sent) => {
    const { municipality } = stack.network;
    await stack.post(sent);
    await eventually(async () => (await stack.stateOf(sent)) !== undefined, 'judged');
    const type = (await stack.stateOf(sent)) === 'rejected' ? 'rejected' : 'accepted';
    return stack.notice(municipality, type, sent.manifestHash);
  };
  const codeOf = async (sent: Sent): Promise<string> => (await outcome(sent)).code ?? '';
  const refusalsCounted = async (code: string): Promise<number> => {
    const found = await metrics.getSingleMetric('exchange_quota_refusals_total')?.get();
    return found?.values.find(({ labels }) => labels['code'] === code)?.value ?? 0;
  };

  it('asks about one person again and again is stopped, told until when, logged and counted for the operator', async () => {
    const before = await refusalsCounted('SUBJECT_QUOTA_EXCEEDED');
    for (let question = 0; question < 3; question++) expect(await codeOf(await asking(person('trawled')))).toBe('');
    const sent = await asking(person('trawled'));
    const refused = await outcome(sent);
    expect(refused).toMatchObject({ type: 'rejected', code: 'SUBJECT_QUOTA_EXCEEDED' });
    expect(refused.retryAfter).toBeGreaterThan(0);
    expect(refused.receipt).toBeDefined();
    expect((await stack.mail(stack.network.kela)).messages).not.toContain(sent.manifest);
    expect(stack.doubles.records.find(({ manifestHash }) => manifestHash === sent.manifestHash)).toMatchObject({
      type: 'message-rejected',
      code: 'SUBJECT_QUOTA_EXCEEDED',
    });
    expect(await refusalsCounted('SUBJECT_QUOTA_EXCEEDED')).toBe(before + 1);
    expect(await codeOf(await asking(person('somebody else')))).toBe('');
  });

  it('is told to be over its quota stays so over a restart of the service, and is free the next day', async () => {
    for (let question = 0; question < 3; question++) await outcome(await asking(person('of before')));
    await stack.stopService();
    await stack.startService();
    expect(await codeOf(await asking(person('of before')))).toBe('SUBJECT_QUOTA_EXCEEDED');
    tomorrow();
    expect(await codeOf(await asking(person('of before')))).toBe('');
  });

  it('asks about many different persons, known or not, is stopped at its limit for different persons', async () => {
    tomorrow();
    for (let n = 0; n < 5; n++) expect(await codeOf(await asking(person(`list ${n}`)))).toBe('');
    const before = await refusalsCounted('ENUMERATION_QUOTA_EXCEEDED');
    expect(await codeOf(await asking(person('list 5')))).toBe('ENUMERATION_QUOTA_EXCEEDED');
    expect(await refusalsCounted('ENUMERATION_QUOTA_EXCEEDED')).toBe(before + 1);
    expect(await codeOf(await asking(person('list 0')))).toBe('');
  });

  it('tries out persons on a basis that it does not have is stopped like any other', async () => {
    tomorrow();
    const guesses = await Promise.all(Array.from({ length: 6 }, (_, n) => asking(person(`guess ${n}`))));
    for (const { manifest } of guesses) stack.doubles.noBasis.set(manifest, 'NO_BASIS');
    const codes: string[] = [];
    for (const guess of guesses) codes.push(await codeOf(guess));
    expect(codes).toEqual([...Array.from({ length: 5 }, () => 'NO_BASIS'), 'ENUMERATION_QUOTA_EXCEEDED']);
  });

  it('is asked, and only answers, is not stopped', async () => {
    tomorrow();
    const { municipality, kela } = stack.network;
    for (let n = 0; n < 4; n++) {
      const question = await stack.network.seal({
        from: kela,
        to: municipality,
        kind: 'request',
        categories: [4],
        subject: person(`asked ${n % 2}`),
      });
      await stack.post(question);
      await stack.delivered(municipality, question);
      const { exchangeId } = question.context;
      const reply = { kind: 'refusal' as const, exchangeId, inReplyTo: question.manifestHash };
      expect(await codeOf(await asking(person('asked by others'), reply))).toBe('');
    }
  });
});
