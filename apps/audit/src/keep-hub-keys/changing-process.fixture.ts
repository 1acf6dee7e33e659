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

/** What the process is started with: its database, its folder, and the names of its key files there. */
export interface ChangingProcess {
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
  | { readonly append: number }
  /** Says in the log which keys there are; dies with SIGKILL at that step of it. */
  | { readonly announce: true; readonly die?: 'before-commit' | 'after-commit' | 'before-shown' };

/** The newest checkpoint, or why nothing is appended. */
export type ChangingAnswer = { readonly note: string } | { readonly halted: string };

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

const { url, folder, origin, present, next, withdrawn } = JSON.parse(process.argv[2] ?? '{}') as ChangingProcess;
const logger = createLogger('changing-process', 'silent');
const load = (name: string): Promise<LogKey> => LogKey.load(origin, join(folder, name));
const logKeys = new LogKeyring(
  await load(present),
  next === undefined ? undefined : await load(next),
  undefined,
  withdrawn,
);
const kek = new EntryKek(Buffer.alloc(32, 3));
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
let halted: string | undefined;
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
  onHalted: ({ code }) => (halted = code),
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
appender.start();

const append = async (count: number): Promise<void> => {
  const entries = Array.from({ length: count }, () => {
    const body = { v: 1, eventId: newEventId(), type: 'message-delivered', at: new Date().toISOString() };
    return prepareOpaque(unwrap(parseLogBody({ ...body, assertedBy: 'hub' })), kek);
  });
  await appender.append(plainProposal(entries));
};

const obey = async (order: ChangingOrder): Promise<ChangingAnswer> => {
  try {
    if ('append' in order) await append(order.append);
    else {
      // As the service: an instance that cannot append has not read which keys there are.
      while (!appender.active && halted === undefined) await delay(5);
      die = order.die;
      await hubKeys.refresh();
    }
    await head.flush();
    return { note: appender.current().checkpoint.note };
  } catch (error) {
    return { halted: halted ?? String(error) };
  }
};
process.on('message', (order: ChangingOrder) => {
  void obey(order).then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit());
