import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogBody } from '#envelope';
import {
  type Pseudonym,
  type ExchangeId,
  type MessageId,
  type Sha256,
  agencyId,
  newEventId,
  newExchangeId,
  newMessageId,
} from '#kernel';
import type { PreparedEntry } from '../../../apps/audit/src/append-entries/prepared-entry.js';
import { EntrySealer } from '../../../apps/audit/src/seal-entries/entry-sealer.js';
import { committedLog } from '../../../apps/audit/src/infra/log-store.js';
import { LogPublisher } from '../../../apps/audit/src/publish-log/log-publisher.js';
import { TileFolder } from '../../../apps/audit/src/publish-log/tile-folder.js';
import { AuditGround, AuditInstance, eventually } from '../../../apps/audit/src/testing/audit.fixture.js';
import { makeObjectsYoung } from '../../../apps/audit/src/short-lived-objects.js';
import { directoryOf } from '../../../apps/audit/src/testing/parties.fixture.js';
import { interruption } from '../../../deploy/src/foreground.js';
import { Stack } from '../../../deploy/src/stack.js';

/** Municipalities and counties of the generated log; the first is party of every tenth entry, where nothing else is asked for. */
const agencies = 60;
const everyOfLargest = 10;
const entriesOfSubject = 10;
/** Of 16 MiB each; more than `min_wal_size` of the embedded cluster keeps. */
const usedSegments = 160;

const municipalities = Array.from({ length: agencies + 1 }, (_, n) => agencyId(`K-${100 + n}`));
const counties = Array.from({ length: 21 }, (_, n) => agencyId(`H-${10 + n}`));
export const largestAgency = municipalities[0]!;
const steps = ['message-accepted', 'message-delivered', 'message-released', 'release-refused'] as const;
/** As many as categories and statutes go together. */
const grounds = Array.from({ length: 15 * 8 }, (_, n) => {
  const categories = [1 + (n % 15), 16];
  const statute = { id: `681/2023-${87 + (n % 8)}`, version: 1 };
  const processing = { sender: '681/2023-87', recipient: '681/2023-88' };
  return { categories, basis: [{ categories, processing, secrecyLift: { statute } }] };
});

/** Of somebody who is in about ten entries of the generated log. */
export function subjectOf(n: number): Pseudonym {
  const digest = Buffer.alloc(32);
  digest.writeUInt32BE(n + 1, 0);
  return `p1.${digest.toString('base64url')}` as Pseudonym;
}

/** Bodies of transfers as they come: accepted, delivered, released or refused, in exchanges of three about one person. */
export class BodySource {
  private count = 0;
  private store = Buffer.alloc(0);
  private exchange = this.newExchange();
  private readonly subjects: number;

  constructor(
    entries: number,
    private readonly ofLargest: number = everyOfLargest,
  ) {
    this.subjects = Math.max(1, Math.floor(entries / entriesOfSubject));
  }

  /** Of some message of the log so far, to look for. */
  get lately(): { readonly exchangeId: string; readonly messageId: string } {
    return this.exchange;
  }

  some(count: number): LogBody[] {
    const at = new Date().toISOString();
    return Array.from({ length: count }, () => this.next(at));
  }

  private next(at: string): LogBody {
    const n = this.count;
    this.count += 1;
    const step = n % 3;
    if (step === 0) this.exchange = this.newExchange();
    const sender = n % this.ofLargest === 0 ? largestAgency : municipalities[1 + (Math.floor(n / 3) % agencies)]!;
    const recipient = counties[Math.floor(n / 3) % counties.length]!;
    const refused = step === 2 && n % 50 === 2;
    const type = steps[step === 2 && refused ? 3 : step]!;
    const { categories, basis } = grounds[n % grounds.length]!;
    return {
      v: 1,
      eventId: newEventId(),
      type,
      at,
      ...this.exchange,
      seq: step + 1,
      sender,
      recipient,
      ...(step === 2 && { actor: { agency: recipient, worker: `w-${n % 4_000}` } }),
      subjects: [subjectOf((Math.floor(n / 3) * 7_919) % this.subjects)],
      categories,
      basis,
      purpose: 'plan',
      ...(refused && { code: 'CONSENT_WITHDRAWN' }),
      evidence: { manifest: this.exchange.manifestHash },
      assertedBy: 'agency',
    };
  }

  private newExchange(): { exchangeId: ExchangeId; messageId: MessageId; manifestHash: Sha256 } {
    return { exchangeId: newExchangeId(), messageId: newMessageId(), manifestHash: this.digest() };
  }

  private digest(): Sha256 {
    return this.random(32).toString('base64url') as Sha256;
  }

  /** Out of a store: asking for each anew would be felt beside what is measured. */
  private random(bytes: number): Buffer {
    if (this.store.length < bytes) this.store = randomBytes(65_536);
    const taken = this.store.subarray(0, bytes);
    this.store = this.store.subarray(bytes);
    return taken;
  }
}

/** An audit service's core with its publisher, over a PostgreSQL and a folder of its own. */
export interface BenchLog {
  readonly ground: AuditGround;
  readonly audit: AuditInstance;
  readonly postgresPid: number;
  /** The public log. */
  readonly folder: TileFolder;
  prepare(bodies: readonly LogBody[]): Promise<readonly PreparedEntry[]>;
  /** Resolves when a checkpoint of this size or a larger one stands in the public folder. */
  published(size: number): Promise<void>;
}

/** Lends a log to a bench; all of it is removed at the end. Resolves to the exit code. */
export async function withBenchLog(bench: (log: BenchLog) => Promise<void>): Promise<number> {
  const interrupted = interruption();
  const stack = await Stack.start({
    dataFolder: mkdtempSync(join(tmpdir(), 'kotovayla-bench-')),
    environment: { KAFKA_BROKERS: 'none', AGENCIES_DATABASE_URL: 'none' },
    report: (line) => console.error(line),
  });
  Object.assign(process.env, stack.environment);
  try {
    return await Promise.race([lend(stack, bench), interrupted]);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    await stack.remove();
  }
}

/**
 * A young cluster makes a new segment of its write-ahead log every few thousand entries, and fills it with zeros while all commits
 * wait. One that has been in use for a while uses the ones again that a checkpoint has freed: that is what a log is measured on.
 */
async function useSegments(ground: AuditGround): Promise<void> {
  await ground.owner(async (client) => {
    await client.query(
      `SELECT pg_logical_emit_message(false, 'kotovayla-bench', 'used'), pg_switch_wal() FROM generate_series(1, ${usedSegments})`,
    );
    await client.query('CHECKPOINT');
  });
}

async function lend(stack: Stack, bench: (log: BenchLog) => Promise<void>): Promise<number> {
  makeObjectsYoung();
  const ground = await AuditGround.lay();
  await useSegments(ground);
  const woken: { publisher?: LogPublisher } = {};
  const audit = await AuditInstance.start(ground, directoryOf([]), {
    appender: { afterCommit: () => woken.publisher?.wake() },
  });
  const folder = new TileFolder(join(ground.folder, 'log'));
  const publisher = new LogPublisher({
    folder,
    log: committedLog(audit.database),
    verifier: ground.logKey.verifier,
    logger: audit.logger,
    intervalMs: 1_000,
  });
  woken.publisher = publisher;
  const sealer = new EntrySealer(ground.kek);
  try {
    await eventually(async () => (audit.appender.active ? true : undefined));
    await bench({
      ground,
      audit,
      folder,
      postgresPid: stack.supervisor.pidOf('postgres-hub')!,
      prepare: (bodies) => sealer.seal(bodies.map((body) => ({ body }))),
      published: async (size) => {
        await eventually(async () => (((await publisher.published())?.size ?? 0) >= size ? true : undefined));
      },
    });
    return 0;
  } finally {
    await sealer.close();
    await publisher.close();
    await audit.stop();
    await ground.clear();
  }
}
