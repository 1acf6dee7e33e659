import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type TestDatabase, createTestDatabase } from '#testing';
import fc from 'fast-check';
import pg, { type Pool } from 'pg';
import type { LogMessage } from '../log/message-log.js';
import { TransientFailure } from '../sql/transient-failure.js';
import { InboxConsumer } from './inbox-consumer.js';
import { inboxTable, setAsideRetries } from './inbox-table.js';
import { ParkedMessages } from './parked-messages.js';

Logger.overrideLogger(false);

/** One message of the run: its exchange and how often handling it fails, through its own fault or another's. */
interface Planned {
  readonly exchange: number;
  readonly faults: number;
  readonly outages: number;
}

type Step =
  | { readonly kind: 'deliver'; readonly size: number }
  | { readonly kind: 'rewind'; readonly by: number }
  | { readonly kind: 'retry' };

const planned: fc.Arbitrary<Planned> = fc.record({
  exchange: fc.integer({ min: 0, max: 3 }),
  faults: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 6 }) }),
  outages: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 2 }) }),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('deliver' as const), size: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rewind' as const), by: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('retry' as const) }) },
);

describe('messages that fail at any time, in batches of any size, with offsets that go back', () => {
  let database: TestDatabase;
  let pool: Pool;

  beforeAll(async () => {
    database = await createTestDatabase();
    pool = new pg.Pool({ connectionString: database.url, max: 4 });
    await pool.query('CREATE SCHEMA s');
    for (const statement of [...inboxTable('s'), ...setAsideRetries('s').up]) await pool.query(statement);
    await pool.query('CREATE TABLE s.effect (id bigserial PRIMARY KEY, exchange int, number int)');
  });

  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  const wipe = () => pool.query('TRUNCATE s.inbox, s.inbox_offset, s.held, s.discarded, s.quarantine, s.effect');
  beforeEach(wipe);
  afterEach(wipe);

  it('reach each exchange’s state exactly once and in the order sent', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(planned, { minLength: 1, maxLength: 14 }),
        fc.array(step, { maxLength: 20 }),
        async (plan, steps) => {
          await wipe();
          const faults = plan.map((one) => one.faults);
          const outages = plan.map((one) => one.outages);
          const messages: LogMessage[] = plan.map(({ exchange }, number) => ({
            key: String(exchange),
            value: Buffer.from(String(number)),
            headers: {},
            offset: BigInt(number),
            timestamp: new Date(0),
          }));
          const consumer = new InboxConsumer<number>({
            pool,
            schema: 's',
            consumer: 'c',
            decode: ({ value }) => Number(value.toString()),
            idOf: (number) => `event-${number}`,
            exchangeOf: (_number, { key }) => `exchange-${key}`,
            attemptsBeforeParking: 3,
            backoff: { firstMs: 0, maxMs: 0 },
            handle: async (client, batch) => {
              for (const { body } of batch) {
                if ((outages[body] ?? 0) > 0) {
                  outages[body] = (outages[body] ?? 0) - 1;
                  throw new TransientFailure('outage');
                }
                if ((faults[body] ?? 0) > 0) {
                  faults[body] = (faults[body] ?? 0) - 1;
                  throw new Error('fault');
                }
                await client.query('INSERT INTO s.effect (exchange, number) VALUES ($1, $2)', [
                  plan[body]?.exchange,
                  body,
                ]);
              }
            },
          });
          const operator = new ParkedMessages({ pool, schema: 's' });

          let next = 0;
          const deliver = async (size: number): Promise<void> => {
            const part = messages.slice(next, next + size);
            if (part.length === 0) return;
            const taken = await consumer.consumeBatch({ topic: 't', partition: 0, messages: part }).then(
              () => true,
              () => false,
            );
            if (taken) next += part.length;
          };
          const retry = () => consumer.held.retryDue().catch(() => 0);

          for (const one of steps) {
            if (one.kind === 'deliver') await deliver(one.size);
            else if (one.kind === 'rewind') next = Math.max(0, next - one.by);
            else await retry();
          }
          // Healing: everything is delivered, and the operator lets parked messages be tried again until none is left.
          while (next < messages.length) await deliver(3);
          while ((await consumer.held.size()) > 0) {
            await retry();
            for (const { id } of await operator.listParked()) await operator.retryParked(id);
          }

          const { rows } = await pool.query<{ exchange: number; number: number }>(
            'SELECT exchange, number FROM s.effect ORDER BY id',
          );
          for (const exchange of [0, 1, 2, 3]) {
            const sent = plan.flatMap((one, number) => (one.exchange === exchange ? [number] : []));
            expect(rows.filter((row) => row.exchange === exchange).map(({ number }) => number)).toEqual(sent);
          }
        },
      ),
      { seed: 20_260_601, numRuns: 60 },
    );
  });
});
