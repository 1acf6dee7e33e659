import type { AuditServiceReleaseItem, ReleaseResult } from '#contracts';
import { sealReleasedKey } from '#envelope';
import { AppError } from '#kernel';
import type { Logger } from '#platform';
import type { Appender } from '../append-entries/appender.js';
import type { Appended } from '../append-entries/proposal.js';
import type { EntryKek } from '../infra/entry-kek.js';
import type { LeafOpenings, ReadOpening } from '../infra/leaf-openings.js';
import { consistencyProof, inclusionProof } from '../read-log/proofs.js';
import type { TileSource } from '../tree/tiled-tree.js';
import { type ExaminedRelease, type ReleaseParts, examineRelease } from './examine-release.js';
import { type ReleaseOutcome, ReleaseProposal } from './release-proposal.js';

/** Gives out one-time keys, each only as part of a durable entry. Cryptography before and after runs side by side. */
export class ReleaseHandler {
  constructor(
    private readonly parts: ReleaseParts,
    private readonly appender: Appender,
    private readonly kek: EntryKek,
    private readonly openings: LeafOpenings,
    private readonly tiles: TileSource,
    private readonly logger: Logger,
  ) {}

  /** In the order of the items. Refused as UNAVAILABLE: ask again with the same jti, which gives the same leaf. */
  release(items: readonly AuditServiceReleaseItem[]): Promise<ReleaseResult[]> {
    return Promise.all(
      items.map((item) =>
        this.releaseOne(item).catch((error: unknown) => {
          // One item's trouble is not the others'.
          if (error instanceof AppError) return refused(error, false);
          this.logger.error({ err: error }, 'a release failed');
          return refused(new AppError('INTERNAL'), false);
        }),
      ),
    );
  }

  private async releaseOne(item: AuditServiceReleaseItem): Promise<ReleaseResult> {
    const examined = await examineRelease(item, this.parts);
    const appended = await this.appender.append(new ReleaseProposal(examined, this.kek, this.parts.clock));
    const { verdict, opening } = appended.outcome;
    switch (verdict.kind) {
      case 'refuse':
        return refused(verdict.error, verdict.final);
      case 'release':
        return this.receipt(
          examined,
          appended,
          appended.leaves.at(-1),
          opening && { ...opening, places: appended.places.at(-1) ?? Buffer.alloc(0) },
        );
      case 'repeat': {
        const openings = await this.openings.read([verdict.leafIndex]);
        return this.receipt(examined, appended, verdict.leafIndex, openings.get(verdict.leafIndex));
      }
    }
  }

  private async receipt(
    { case: { seenSize }, contentKey, recipientKey }: ExaminedRelease,
    { checkpoint, tree }: Appended<ReleaseOutcome>,
    leafIndex: number | undefined,
    opening: ReadOpening | undefined,
  ): Promise<ReleaseResult> {
    if (leafIndex === undefined || !contentKey || !recipientKey) throw new Error('released without what it takes');
    if (!opening) return refused(new AppError('MESSAGE_FINAL', 'the entry of this release was erased'), true);
    const { size } = checkpoint;
    const [sealed, inclusion, consistency] = await Promise.all([
      sealReleasedKey({ contentKey, body: opening.body, commitmentKey: opening.commitmentKey }, recipientKey),
      inclusionProof(tree, this.tiles, { index: leafIndex, size, committed: size }),
      consistencyProof(tree, this.tiles, { first: seenSize, second: size, committed: size }),
    ]);
    return {
      result: {
        $case: 'released',
        value: {
          receipt: {
            leafIndex: BigInt(leafIndex),
            inclusionProof: inclusion,
            checkpoint: checkpoint.note,
            opening: sealed,
            places: opening.places,
          },
          consistencyProof: consistency,
        },
      },
    };
  }
}

const refused = ({ code, detail }: AppError, final: boolean): ReleaseResult => ({
  result: { $case: 'refused', value: { code, detail, final } },
});
