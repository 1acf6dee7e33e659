import { availableParallelism } from 'node:os';
import Tinypool from 'tinypool';
import type { EntryKek } from '../infra/entry-kek.js';
import {
  type EntryDraft,
  type OpaqueEntry,
  openEntries,
  sealHere,
  sealedAs,
} from '../append-entries/prepared-entry.js';
import { packTexts, unpack } from './packed-entries.js';
import type { SealingTask } from './sealing-thread.js';

/** Fewer are sealed here: the way to a thread and back takes longer. */
const fewEntries = 64;
const mostThreads = 4;
const idleMs = 10_000;

/** Seals entries, many of them on threads of their own: half of what an entry costs needs nothing of the log's state. */
export class EntrySealer {
  private readonly threads: Tinypool | undefined;

  /** @param options.threads none: all are sealed here */
  constructor(
    private readonly kek: EntryKek,
    { threads = Math.min(mostThreads, Math.max(1, availableParallelism() - 1)) } = {},
  ) {
    if (threads === 0) return;
    this.threads = new Tinypool({
      filename: new URL('./sealing-thread.js', import.meta.url).href,
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: idleMs,
    });
  }

  /** In their order. */
  async seal(drafts: readonly EntryDraft[]): Promise<OpaqueEntry[]> {
    const entries = openEntries(drafts);
    const { present, id } = this.kek;
    if (!this.threads || drafts.length < fewEntries) return sealedAs(drafts, entries, sealHere(entries, this.kek));
    const packedTexts = packTexts(entries);
    const task: SealingTask = { ...packedTexts, kek: present.key };
    const transferList = [packedTexts.texts.buffer, packedTexts.numbers.buffer];
    const packed = (await this.threads.run(task, { transferList })) as Uint8Array;
    return sealedAs(drafts, entries, unpack(packed, id));
  }

  /** What is under way is rejected: the facts of it come again. */
  async close(): Promise<void> {
    await this.threads?.destroy();
  }
}
