import { Inject, Injectable } from '@nestjs/common';
import type { Clock } from '#kernel';
import { CLOCK } from '#platform';
import type { Caller } from '../domain/caller.js';
import { EntryKek } from '../infra/entry-kek.js';
import { Appender } from './appender.js';
import { type Look, entryOfLook } from './own-entry.js';
import { plainProposal } from './proposal.js';

/** Writes looks into the log. Nobody looks without being seen to look: what is found is shown after its entry stands. */
@Injectable()
export class Looks {
  constructor(
    @Inject(Appender) private readonly appender: Appender,
    @Inject(EntryKek) private readonly kek: EntryKek,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Errors: UNAVAILABLE. */
  async record(caller: Caller, look: Look): Promise<void> {
    await this.appender.append(plainProposal([entryOfLook(caller, look, { kek: this.kek, at: this.clock.now() })]));
  }
}
