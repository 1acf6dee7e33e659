import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { generateReceivingKey, generateSigningKey, importSigningKey } from '#envelope';
import { agencyId } from '#kernel';
import { EntryKek } from '../infra/entry-kek.js';
import { ErasureStore } from '../infra/erasure-store.js';
import { ErasingHub } from '../testing/erasing-hub.fixture.js';
import type { Party } from '../testing/parties.fixture.js';

/** One run, in a process that kills itself with SIGKILL at a step, before it or when it has taken effect. */
const [databaseUrl = '', folder = '', partiesFile = '', step = '', when = ''] = process.argv.slice(2);
let armed = false;
let appends = 0;

async function at<T>(name: string, work: () => Promise<T>): Promise<T> {
  if (!armed || name !== step) return work();
  if (when === 'after') await work();
  process.kill(process.pid, 'SIGKILL');
  return new Promise<never>(() => undefined);
}

class DyingStore extends ErasureStore {
  override erase(...given: Parameters<ErasureStore['erase']>): Promise<number> {
    return at('erase', () => super.erase(...given));
  }
  override rewrap(...given: Parameters<ErasureStore['rewrap']>): Promise<number> {
    return at('rewrap', () => super.rewrap(...given));
  }
  override finish(...given: Parameters<ErasureStore['finish']>): Promise<void> {
    return at('finish', () => super.finish(...given));
  }
}

class DyingKek extends EntryKek {
  override beginLeaving(): Promise<void> {
    return at('begin', () => super.beginLeaving());
  }
  override destroyFormer(): Promise<void> {
    return at('destroy', () => super.destroyFormer());
  }
}

class DyingClient extends pg.Client {
  override query(...args: unknown[]): never {
    const [statement] = args as [{ readonly name?: string }];
    const run = (): Promise<unknown> =>
      (super.query as (...given: unknown[]) => unknown).apply(this, args) as Promise<unknown>;
    // The first one says that the run was asked.
    const isOfRun = statement.name === 'audit.append' && armed && (appends += 1) > 1;
    return (isOfRun ? at('append', run) : run()) as never;
  }
}

const parties = await Promise.all(
  (JSON.parse(await readFile(partiesFile, 'utf8')) as { id: string; jwk: object }[]).map(
    async ({ id, jwk }): Promise<Party> => ({
      id: agencyId(id),
      signing: await generateSigningKey(),
      auditing: await importSigningKey(jwk),
      receiving: await generateReceivingKey(),
    }),
  ),
);
const hub = await ErasingHub.start({ databaseUrl, folder }, parties, {
  store: (database) => new DyingStore(database),
  kek: async (path) => {
    const kek = new DyingKek(Buffer.alloc(32), path);
    await kek.reload();
    return kek;
  },
  connect: (url) => new DyingClient({ connectionString: url }),
});
// The appender's first look may found the log; only the run is to be stopped.
await hub.log({});
armed = true;
const ombudsman = parties.find(({ id }) => id === 'A-TSV')!;
await hub.ended(await hub.erasureRuns.start(await hub.asking(ombudsman)), ombudsman);
process.stdout.write('ended');
await hub.stop();
