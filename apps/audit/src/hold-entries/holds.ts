import { AppError, type Sha256 } from '#kernel';
import { entryOfWord } from '../append-entries/own-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { type Caller, isSupervising } from '../domain/caller.js';
import type { ErasureContext } from '../erase-entries/erasures.js';
import type { OneAtATime } from '../erase-entries/one-at-a-time.js';
import type { StoredHold } from '../infra/erasure-store.js';
import { signedWord } from '../infra/signed-word.js';

/** Legal holds: each stands from its row on, before its leaf, and is lifted after the leaf that says so. */
export class Holds {
  constructor(
    private readonly context: ErasureContext,
    private readonly erasing: OneAtATime,
  ) {}

  /** Errors: those of a statement, FORBIDDEN (of another agency's entries only a supervising authority holds all). */
  async place(token: string): Promise<StoredHold> {
    const { store, appender, clock, kek } = this.context;
    const word = await signedWord('legal-hold', token, this.context);
    const { agency, matter, scope } = word.payload;
    if (scope.by === 'agency' && scope.agency !== agency && !isSupervising(agency)) throw new AppError('FORBIDDEN');
    return this.erasing.do(async () => {
      const at = clock.now();
      await store.placeHold({ holdHash: word.hash, hold: token, agency, matter, scope, placedAt: at });
      await appender.append(plainProposal([entryOfWord('legal-hold-placed', word, { kek, at }, 'legal-hold')]));
      return this.find(word.hash);
    });
  }

  /** Errors: those of a statement, NOT_FOUND, FORBIDDEN (not who placed it, and no supervising authority). */
  async lift(token: string): Promise<StoredHold> {
    const { store, appender, clock, kek } = this.context;
    const word = await signedWord('legal-hold-lift', token, this.context);
    const { agency, hold: holdHash } = word.payload;
    const hold = await this.find(holdHash);
    if (hold.agency !== agency && !isSupervising(agency)) throw new AppError('FORBIDDEN');
    return this.erasing.do(async () => {
      const at = clock.now();
      await appender.append(plainProposal([entryOfWord('legal-hold-lifted', word, { kek, at }, 'legal-hold-lift')]));
      await store.liftHold({ holdHash, liftHash: word.hash, by: agency, at });
      return this.find(holdHash);
    });
  }

  /** All for a supervising authority; for others those that they placed, or that hold their entries. */
  async list({ agency, supervising }: Caller): Promise<StoredHold[]> {
    const holds = await this.context.store.holds();
    return supervising ? holds : holds.filter((hold) => hold.agency === agency || hold.party === agency);
  }

  private async find(holdHash: Sha256): Promise<StoredHold> {
    const found = await this.context.store.hold(holdHash);
    if (!found) throw new AppError('NOT_FOUND');
    return found;
  }
}
