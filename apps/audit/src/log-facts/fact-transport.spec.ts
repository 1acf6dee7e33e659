import { afterEach, describe, expect, it } from '@jest/globals';
import { topics } from '#contracts';
import { InMemoryLog, type KafkaBatch } from '#messaging';
import { createLogger } from '#platform';
import { FactTransport } from './fact-transport.js';

const transports: FactTransport[] = [];
afterEach(async () => {
  for (const transport of transports.splice(0)) await transport.close();
});

async function started(log: InMemoryLog, isAppending: () => boolean): Promise<string[]> {
  const taken: string[] = [];
  const transport = new FactTransport({
    log,
    groupId: 'audit',
    isAppending,
    logger: createLogger('test', 'silent'),
    lookEveryMs: 1,
    graceMs: 5,
  });
  transports.push(transport);
  const handler = async ({ messages }: KafkaBatch): Promise<void> => {
    taken.push(...messages.map(({ key }) => key));
  };
  transport.addHandler(topics.exchangeEvents, handler as never, true);
  await transport.listen(() => undefined);
  return taken;
}

async function until(condition: () => boolean): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve, 1));
  while (!condition());
}

const keys = Array.from({ length: 40 }, (_, at) => `key ${at}`);
const publish = (log: InMemoryLog): Promise<void> =>
  log.publish(
    topics.exchangeEvents,
    keys.map((key) => ({ key, value: Buffer.from('fact') })),
  );

describe('facts', () => {
  it('are left to the instance that appends, all of them', async () => {
    const log = new InMemoryLog([topics.exchangeEvents]);
    await log.connect();
    const appending = await started(log, () => true);
    const standby = await started(log, () => false);
    await publish(log);
    await until(() => appending.length === keys.length);
    expect(standby).toEqual([]);
  });

  it('go to the standby when it takes over', async () => {
    const log = new InMemoryLog([topics.exchangeEvents]);
    await log.connect();
    let first = true;
    const before = await started(log, () => first);
    const after = await started(log, () => !first);
    await publish(log);
    await until(() => before.length === keys.length);
    first = false;
    let published = keys.length;
    while (after.length === 0) {
      await publish(log);
      published += keys.length;
      await until(() => before.length + after.length === published);
    }
    expect(before.length + after.length).toBe(published);
  });
});
