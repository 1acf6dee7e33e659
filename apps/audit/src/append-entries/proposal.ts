import type { ConsumedUpTo } from '../infra/consumed-facts.js';
import type { StoredCheckpoint } from '../infra/log-store.js';
import type { TiledTree } from '../tree/tiled-tree.js';
import type { LogView, Wanted } from './log-view.js';
import type { PreparedEntry } from './prepared-entry.js';

/** What somebody wants appended: decided in the order of the log, with everything slow done before. */
export interface Proposal<T> {
  readonly wanted: Wanted;
  /** Of Kafka, once the proposal is durable: stored with it. */
  readonly consumed?: ConsumedUpTo;
  /** Pure and synchronous. May be asked again, with another view, when a commit was uncertain. */
  decide(view: LogView): Decision<T>;
}

export interface Decision<T> {
  /** In their order. One whose event id has a leaf already keeps that leaf. */
  readonly entries: readonly PreparedEntry[];
  readonly outcome: T;
}

/** A proposal whose entries are durable. */
export interface Appended<T> {
  readonly outcome: T;
  /** Of the decision's entries. */
  readonly leaves: readonly number[];
  /** What their leaves say of their places; undefined for those in clear, and for those that had a leaf before. */
  readonly places: readonly (Buffer | undefined)[];
  /** Of this batch, or of an earlier one where the proposal added nothing. */
  readonly checkpoint: StoredCheckpoint;
  readonly tree: TiledTree;
}

/** Entries that need no decision. */
export const plainProposal = (entries: readonly PreparedEntry[], consumed?: ConsumedUpTo): Proposal<void> => ({
  ...(consumed && { consumed }),
  wanted: { eventIds: entries.map(({ eventId }) => eventId) },
  decide: () => ({ entries, outcome: undefined }),
});
