import pg from 'pg';
import { createLogger, createService } from '#platform';
import type { ExchangeConfig } from '../exchange.config.js';
import { serviceOptions } from '../exchange.module.js';

/** Around the statement that puts notices into mailboxes: nothing is put, nothing committed, all committed and not acknowledged. */
export type KilledAt = 'before-put' | 'before-commit' | 'after-commit';

const { at, config } = JSON.parse(process.argv[2] ?? '{}') as { at: KilledAt; config: ExchangeConfig };

const killed = (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL');
  return new Promise<never>(() => undefined);
};
const putting = new WeakSet<object>();
const query = Reflect.get(pg.Client.prototype, 'query') as (...args: unknown[]) => unknown;

async function dieAtCommit(run: () => unknown): Promise<never> {
  if (at === 'after-commit') await run();
  return killed();
}

pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]): never {
  const [statement] = args as [string | { readonly name?: string }];
  const run = (): unknown => query.apply(this, args);
  if (typeof statement === 'object' && statement.name === 'exchange.put-items') {
    if (at === 'before-put') return killed() as never;
    putting.add(this);
  }
  const commits = statement === 'COMMIT' && putting.has(this);
  return (commits ? dieAtCommit(run) : run()) as never;
};

const app = await createService(serviceOptions, config, createLogger('exchange', 'silent'));
await app.init();
await app.startAllMicroservices();
process.on('disconnect', () => process.exit());
