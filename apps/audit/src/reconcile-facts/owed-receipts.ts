import type { FindReceiptsRequest, FindReceiptsResponse, LoggedEntry, OwedReceipt } from '#contracts';
import { type LogBody, sealReleasedKey } from '#envelope';
import { AppError, type Clock, isAgencyId, isEventId, unwrap } from '#kernel';
import type { Appender } from '../append-entries/appender.js';
import { mayWrite, recordedTopics } from '../domain/entry-types.js';
import type { AgencyKeys } from '../infra/agency-keys.js';
import type { LeafOpenings, ReadOpening } from '../infra/leaf-openings.js';
import type { ReconciliationStore } from '../infra/reconciliation-store.js';
import { inclusionProof } from '../read-log/proofs.js';
import type { TileSource } from '../tree/tiled-tree.js';

const mostOwed = 200;

export interface OwedReceiptsParts {
  readonly store: ReconciliationStore;
  readonly openings: LeafOpenings;
  readonly keys: AgencyKeys;
  readonly appender: Appender;
  readonly tiles: TileSource;
  readonly clock: Clock;
}

/**
 * Receipts once more, as `Logged` brought them: who waits for one whose event was lost gets it without Kafka. Made anew from
 * the stored entry, under the present checkpoint, and sealed to nobody but an agency that the entry names.
 */
export class OwedReceipts {
  constructor(private readonly parts: OwedReceiptsParts) {}

  /** Errors: MALFORMED, DIRECTORY_STALE, UNAVAILABLE (another instance appends). */
  async find({ owed }: FindReceiptsRequest): Promise<FindReceiptsResponse> {
    if (owed.length > mostOwed || !owed.every(isOwed)) throw new AppError('MALFORMED');
    const { store, openings, keys, appender } = this.parts;
    unwrap(keys.directory.fresh());
    const leaves = await store.leavesOf(owed.map(({ eventId }) => eventId));
    const { checkpoint } = appender.current();
    const opened = await openings.read([...leaves.values()]);
    const found = await Promise.all(
      owed.map(async ({ eventId, receiptFor }) => {
        const leafIndex = leaves.get(eventId);
        const opening = leafIndex === undefined ? undefined : opened.get(leafIndex);
        if (leafIndex === undefined || leafIndex >= checkpoint.size || !opening) return [];
        return this.entryOf({ eventId, leafIndex, receiptFor }, opening);
      }),
    );
    return { found: found.flat(), checkpoint: checkpoint.note };
  }

  private async entryOf(
    { eventId, leafIndex, receiptFor }: OwedReceipt & { readonly leafIndex: number },
    { body, commitmentKey, places }: ReadOpening,
  ): Promise<LoggedEntry[]> {
    const { keys, appender, tiles, clock } = this.parts;
    const { type, sender, recipient, actor } = JSON.parse(body) as LogBody;
    if (!isAgencyId(receiptFor) || ![sender, recipient, actor?.agency].includes(receiptFor)) return [];
    const key = await keys.currentReceiving(receiptFor, clock.now());
    const { checkpoint, tree } = appender.current();
    const { size, note } = checkpoint;
    return [
      {
        eventId,
        leafIndex: BigInt(leafIndex),
        topic: recordedTopics.find((topic) => mayWrite(topic, type)) ?? '',
        receipt: {
          leafIndex: BigInt(leafIndex),
          inclusionProof: await inclusionProof(tree, tiles, { index: leafIndex, size, committed: size }),
          checkpoint: note,
          opening: key ? await sealReleasedKey({ body, commitmentKey }, key) : '',
          places,
        },
      },
    ];
  }
}

const isOwed = ({ eventId, receiptFor }: OwedReceipt): boolean => isEventId(eventId) && isAgencyId(receiptFor);
