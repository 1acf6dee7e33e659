import pg from 'pg';
import { parseLogBody } from '#envelope';
import { type EventId, unwrap } from '#kernel';
import { Database, createLogger } from '#platform';
import { EntryKek } from '../infra/entry-kek.js';
import { LogKey } from '../infra/log-key.js';
import { committedLog } from '../infra/log-store.js';
import { LogPublisher } from '../publish-log/log-publisher.js';
import { TileFolder } from '../publish-log/tile-folder.js';
import { Appender } from './appender.js';
import { prepareOpaque } from './prepared-entry.js';
import { plainProposal } from './proposal.js';

/** What the parent sends: appends one entry for each event, in one proposal. */
export interface AppendOrder {
  readonly eventIds: readonly EventId[];
  /** Kills this process with SIGKILL at its next commit: before it reaches the database, or when it has taken effect. */
  readonly die?: 'before-commit' | 'after-commit';
}

/** To the order whose first event it names. */
export type AppendAnswer = { readonly order: EventId | undefined } & (
  { readonly leaves: readonly number[]; readonly size: number } | { readonly error: string }
);

let die: AppendOrder['die'];

class DyingClient extends pg.Client {
  override query(...args: unknown[]): never {
    // The batch is one statement, which is its own transaction.
    const [statement] = args as [{ readonly name?: string }];
    const run = (): unknown => (super.query as (...given: unknown[]) => unknown).apply(this, args);
    return (statement.name === 'audit.append' && die !== undefined ? this.dieAt(run) : run()) as never;
  }

  private async dieAt(run: () => unknown): Promise<never> {
    if (die === 'after-commit') await run();
    process.kill(process.pid, 'SIGKILL');
    return new Promise<never>(() => undefined);
  }
}

const [url = '', keyFile = '', folder = ''] = process.argv.slice(2);
const logger = createLogger('appending-process', 'silent');
const { signer, verifier } = await LogKey.load('log.test/killed', keyFile);
const kek = new EntryKek(Buffer.alloc(32, 3));
const publisher = new LogPublisher({
  folder: new TileFolder(folder),
  log: committedLog(new Database(url)),
  verifier,
  logger,
  intervalMs: 5,
});
const appender = new Appender({
  connect: () => new DyingClient({ connectionString: url }),
  signer,
  verifier,
  logger,
  publishedBefore: () => publisher.published(),
  afterCommit: () => publisher.wake(),
});
publisher.onContradiction((error) => appender.halt(error));
appender.start();

process.on('message', ({ eventIds, die: when }: AppendOrder) => {
  die = when;
  const entries = eventIds.map((eventId) => {
    const body = { v: 1, eventId, type: 'message-delivered', at: new Date().toISOString(), assertedBy: 'hub' };
    return prepareOpaque(unwrap(parseLogBody(body)), kek);
  });
  const answer = (content: { leaves: readonly number[]; size: number } | { error: string }): void => {
    process.send?.({ order: eventIds[0], ...content } satisfies AppendAnswer);
  };
  appender.append(plainProposal(entries)).then(
    ({ leaves, checkpoint }) => answer({ leaves, size: checkpoint.size }),
    (error: unknown) => answer({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
