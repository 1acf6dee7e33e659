import { Inject, Injectable } from '@nestjs/common';
import { AppError, type Clock } from '#kernel';
import { CLOCK } from '#platform';
import { AgencyKeys } from '../infra/agency-keys.js';
import { EntryKek } from '../infra/entry-kek.js';
import { type GivenLook, type SignedLook, signedLook } from '../infra/signed-look.js';
import { Appender } from './appender.js';
import { type Look, entryOfLook, eventIdOfLook } from './own-entry.js';
import { plainProposal } from './proposal.js';

/**
 * Looks at the log. Nobody looks who has not asked by an own signature, and nobody without being seen to look: what is found is
 * shown after its entry stands.
 */
@Injectable()
export class Looks {
  constructor(
    @Inject(Appender) private readonly appender: Appender,
    @Inject(EntryKek) private readonly kek: EntryKek,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(AgencyKeys) private readonly keys: AgencyKeys,
  ) {}

  /**
   * @param call method and path at the edge
   * @param query its parameters as they were understood here
   * Errors: as `signedLook`; LOOK_UNPROVED also for a question that was answered before.
   */
  async asked(given: GivenLook, call: string, query: Readonly<Record<string, string>> = {}): Promise<SignedLook> {
    const look = await signedLook(given, { call, query }, { keys: this.keys, clock: this.clock });
    if (this.appender.knows(eventIdOfLook(look))) throw new AppError('LOOK_UNPROVED');
    return look;
  }

  /** Gives the leaf of the entry. Errors: UNAVAILABLE. */
  async record(asked: SignedLook, look: Look): Promise<number> {
    const entry = entryOfLook(asked, look, { kek: this.kek, at: this.clock.now() });
    const [leaf] = (await this.appender.append(plainProposal([entry]))).leaves;
    if (leaf === undefined) throw new Error('a look without a leaf');
    return leaf;
  }
}
