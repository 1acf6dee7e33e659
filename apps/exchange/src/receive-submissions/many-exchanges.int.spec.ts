import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newExchangeId } from '#kernel';
import type { Sent } from '../testing/network.fixture.js';
import { ExchangeStack, eventually } from '../testing/stack.fixture.js';

const EXCHANGES = 40;
const NOTICES = 6;

describe('many exchanges at once', () => {
  let stack: ExchangeStack;
  beforeAll(async () => {
    stack = await ExchangeStack.start({ QUOTA_SUBJECT_PER_DAY: 10_000 });
  });
  afterAll(() => stack.stop());

  it('lose, double and disorder nothing, whatever the partitions do beside each other', async () => {
    const { municipality, county, kela } = stack.network;
    const pairs = [
      [municipality, kela],
      [kela, municipality],
      [county, kela],
      [municipality, county],
    ] as const;
    const exchanges = await Promise.all(
      Array.from({ length: EXCHANGES }, async (_, index): Promise<Sent[]> => {
        const [from, to] = pairs[index % pairs.length]!;
        const exchangeId = newExchangeId();
        return Promise.all(
          Array.from({ length: NOTICES }, () => stack.network.seal({ from, to, kind: 'notice', exchangeId })),
        );
      }),
    );
    for (let turn = 0; turn < NOTICES; turn += 1) await stack.post(...exchanges.map((messages) => messages[turn]!));
    const total = EXCHANGES * NOTICES;
    await eventually(async () => (await count('messages', "state <> 'rejected'")) === total, 'all accepted');
    await stack.allLogged();
    await eventually(async () => (await count('awaited_receipts', 'true')) === 0, 'all receipts given');

    for (const messages of exchanges) {
      const id = messages[0]!.context.exchangeId;
      const entries = stack.doubles.records.filter(({ exchangeId }) => exchangeId === id);
      expect(entries.map(({ exchangeNumber }) => exchangeNumber)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(entries.map(({ messageId }) => messageId)).toEqual(messages.map(({ context }) => context.messageId));
    }
    const { rows } = await stack.owner.query<{ agency: string; whole: boolean }>({
      text: `SELECT agency, count(*) = max(head) AND max(number) = max(head) AS whole
             FROM exchange.mailbox_items JOIN exchange.mailboxes USING (agency) GROUP BY agency ORDER BY agency`,
    });
    expect(rows).toEqual([
      { agency: 'H-07', whole: true },
      { agency: 'K-235', whole: true },
      { agency: 'L-KELA', whole: true },
    ]);
    // Each message once in its recipient's mailbox, and its receipt once in its sender's.
    expect(await count('mailbox_items', 'manifest_hash IS NOT NULL')).toBe(total);
    expect(await count('mailbox_items', 'notice IS NOT NULL')).toBe(total);
  });

  async function count(table: string, condition: string): Promise<number> {
    const { rows } = await stack.owner.query<{ n: number }>({
      text: `SELECT count(*)::int AS n FROM exchange.${table} WHERE ${condition}`,
    });
    return rows[0]?.n ?? 0;
  }
});
