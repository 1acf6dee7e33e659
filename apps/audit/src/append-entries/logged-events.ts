import { AuditEvent, type LoggedEntry, topics } from '#contracts';
import { type EventId, newEventId } from '#kernel';
import { assembleInclusionProof } from '#merkle';
import type { OutboxRow } from '#messaging';
import type { StoredCheckpoint } from '../infra/log-store.js';
import type { TiledTree } from '../tree/tiled-tree.js';
import type { PlacedEntry } from './placed-entry.js';

/** Entries of one Logged event: with a receipt each they stay well below Kafka's limit of 1 MiB. */
const entriesOfOneEvent = 100;

/**
 * Kafka key of every Logged event. They need no order, but in one partition they come to each of the three producers in
 * batches that grow with the load, where twelve partitions would bring them singly: a transaction each.
 */
const loggedKey = 'logged';

/** What the other services learn of a batch, written in its transaction: Logged, and a fact for each release outcome. */
export function loggedEvents(
  entries: readonly PlacedEntry[],
  checkpoint: StoredCheckpoint,
  tree: TiledTree,
): OutboxRow[] {
  const rows: OutboxRow[] = [];
  for (let begin = 0; begin < entries.length; begin += entriesOfOneEvent) {
    const part = entries.slice(begin, begin + entriesOfOneEvent);
    const logged = part.map((entry) => loggedEntry(entry, checkpoint, tree));
    const event: AuditEvent = {
      event: { $case: 'logged', value: { entries: logged, checkpoint: checkpoint.note } },
    };
    rows.push(auditRow(newEventId(), loggedKey, event));
  }
  for (const { prepared, leafIndex } of entries) {
    const { eventId, releaseFact } = prepared;
    if (!releaseFact) continue;
    const fact = { ...releaseFact, leafIndex: BigInt(leafIndex) };
    rows.push(auditRow(eventId, fact.exchangeId || eventId, { event: { $case: 'release', value: fact } }));
  }
  return rows;
}

function loggedEntry(
  { prepared, leafIndex, placesHash }: PlacedEntry,
  { size, note }: StoredCheckpoint,
  tree: TiledTree,
): LoggedEntry {
  const { eventId, receipt, topic = topics.auditEvents } = prepared;
  return {
    eventId,
    leafIndex: BigInt(leafIndex),
    topic,
    receipt: receipt && {
      leafIndex: BigInt(leafIndex),
      inclusionProof: assembleInclusionProof(leafIndex, size, tree.node),
      checkpoint: note,
      opening: receipt.opening,
      places: placesHash ?? Buffer.alloc(0),
    },
  };
}

const auditRow = (eventId: EventId, key: string, event: AuditEvent): OutboxRow => ({
  eventId,
  topic: topics.auditEvents,
  key,
  payload: AuditEvent.encode(event).finish(),
});
