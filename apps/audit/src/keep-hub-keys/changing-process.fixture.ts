import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { generateSigningKey, parseLogBody } from '#envelope';
import { newEventId, systemClock, unwrap } from '#kernel';
import { Database, createLogger } from '#platform';
import { Appender } from '../append-entries/appender.js';
import { prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { EntryKek } from '../infra/entry-kek.js';
import { HeadFile } from '../infra/head-file.js';
import { LogKey } from '../infra/log-key.js';
import { LogKeyring } from '../infra/log-keyring.js';
import { committedLog } from '../infra/log-store.js';
import { ReleaseKeyring } from '../infra/release-keyring.js';
import { LogPublisher } from '../publish-log/log-publisher.js';
import { TileFolder } from '../publish-log/tile-folder.js';
import { HubKeys } from './hub-keys.js';
import { logKeyDuties } from './show-log-keys.js';

/** What the service is started with: its database, its folder, and the names of its key files there. */
export interface ChangingService {
  readonly url: string;
  readonly folder: string;
  readonly origin: string;
  readonly present: string;
  readonly next?: string;
  /** Verifier key of the next key that was lost. */
  readonly withdrawn?: string;
}

/** What the parent sends, one after another. */
export type ChangingOrder =
  /** In the place of the service that ran before in this process; without one it only stops. */
  | { readonly start: ChangingService | null }
  | { readonly append: number }
  /** Says in the log which keys there are; dies with SIGKILL at that step of it. */
  | { readonly announce: true; readonly die?: 'before-commit' | 'after-commit' | 'before-shown' };

/** The newest checkpoint, or why nothing is appended. */
export type ChangingAnswer = { readonly done: true } | { readonly note: string } | { readonly halted: string };

let die: 'before-commit' | 'after-commit' | 'before-shown' | undefined;
const killed = (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL');
  return new Promise<never>(() => undefined);
};

class DyingClient extends pg.Client {
  override query(...args: unknown[]): never {
    const [statement] = args as [{ readonly name?: string }];
    const run = (): unknown => (super.query as (...given: unknown[]) => unknown).apply(this, args);
    const dies = statement.name === 'audit.append' && (die === 'before-commit' || die === 'after-commit');
    return (dies ? this.dieAt(run) : run()) as never;
  }

  private async dieAt(run: () => unknown): Promise<never> {
    if (die === 'after-commit') await run();
    return killed();
  }
}

const logger = createLogger('changing-process', 'silent');
const kek = new EntryKek(Buffer.alloc(32, 3));

/** The service's core with these keys, without transports. */
class Service {
  private halted: string | undefined;

  private constructor(
    private readonly database: Database,
    private readonly head: HeadFile,
    private readonly publisher: LogPublisher,
    private readonly appender: Appender,
    private readonly hubKeys: HubKeys,
  ) {}

  static async start({ url, folder, origin, present, next, withdrawn }: ChangingService): Promise<Service> {
    const load = (name: string): Promise<LogKey> => LogKey.load(origin, join(folder, name));
    const logKeys = new LogKeyring(
      await load(present),
      next === undefined ? undefined : await load(next),
      undefined,
      withdrawn,
    );
    const database = new Database(url);
    const tiles = new TileFolder(join(folder, 'public'));
    const head = new HeadFile(join(folder, 'head'), () => process.exit(1));
    const publisher = new LogPublisher({
      folder: tiles,
      log: committedLog(database),
      verifier: logKeys,
      logger,
      intervalMs: 5,
    });
    const { onTakeOver, onAnnounced } = logKeyDuties(logKeys, database, tiles);
    const appender = new Appender({
      connect: () => new DyingClient({ connectionString: url }),
      signer: logKeys.present.signer,
      ...(logKeys.next && { nextSigner: logKeys.next.signer }),
      verifier: logKeys,
      logger,
      publishedBefore: async () => {
        const heads = [await head.read(logKeys), await publisher.published()].filter((one) => one !== undefined);
        return heads.sort((a, b) => b.size - a.size)[0];
      },
      onTakeOver,
      afterCommit: (checkpoint) => {
        head.keep(checkpoint);
        publisher.wake();
      },
      onHalted: ({ code }) => (service.halted = code),
    });
    publisher.onContradiction((error) => appender.halt(error));
    const hubKeys = new HubKeys({
      keyring: new ReleaseKeyring(join(folder, 'release'), systemClock, 92),
      logKeys,
      onLogKeys: () => (die === 'before-shown' ? killed() : onAnnounced()),
      pinned: [],
      auditKey: await generateSigningKey(),
      kek,
      appender,
      clock: systemClock,
      logger,
    });
    const service = new Service(database, head, publisher, appender, hubKeys);
    appender.start();
    return service;
  }

  async obey(order: Exclude<ChangingOrder, { readonly start: unknown }>): Promise<ChangingAnswer> {
    try {
      if ('append' in order) await this.append(order.append);
      else {
        // As the service: an instance that cannot append has not read which keys there are.
        while (!this.appender.active && this.halted === undefined) await delay(5);
        die = order.die;
        await this.hubKeys.refresh();
      }
      await this.head.flush();
      return { note: this.appender.current().checkpoint.note };
    } catch (error) {
      return { halted: this.halted ?? String(error) };
    }
  }

  async stop(): Promise<void> {
    await this.appender.close();
    await this.publisher.close();
    await this.head.flush();
    await this.database.close();
  }

  private async append(count: number): Promise<void> {
    const entries = Array.from({ length: count }, () => {
      const body = { v: 1, eventId: newEventId(), type: 'message-delivered', at: new Date().toISOString() };
      return prepareOpaque(unwrap(parseLogBody({ ...body, assertedBy: 'hub' })), kek);
    });
    await this.appender.append(plainProposal(entries));
  }
}

let running: Service | undefined;

async function obey(order: ChangingOrder): Promise<ChangingAnswer> {
  if (!('start' in order)) return running ? running.obey(order) : { halted: 'nothing runs' };
  await running?.stop();
  running = order.start ? await Service.start(order.start) : undefined;
  return { done: true };
}

process.on('message', (order: ChangingOrder) => {
  void obey(order).then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit());
