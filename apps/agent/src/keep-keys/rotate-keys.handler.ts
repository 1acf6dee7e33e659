import { Inject, Injectable } from '@nestjs/common';
import { AppError, type Clock } from '#kernel';
import { CLOCK, LOGGER, type Logger } from '#platform';
import { LogFollower } from '../follow-log/log-follower.js';
import type { LoggedKey } from '#envelope';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { KeyRecords } from './key-records.js';
import type { RotatedUse } from './keep-keys.dto.js';

/** Puts new keys in the place of the present ones, which are accepted beside them until the overlap is over. */
@Injectable()
export class RotateKeys {
  constructor(
    @Inject(KeyRecords) private readonly records: KeyRecords,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * A use whose new key is still on its way to the log gets no second one, so that the call can be repeated. With the hub
   * away the new keys are kept and published later.
   *
   * @throws AppError CONFLICT (the log shows no key of this use: onboard first), UNAVAILABLE, those of `publishKeys`
   */
  async rotate(agency: ServedAgency, uses: readonly RotatedUse[]): Promise<void> {
    const present = uses.map((use) => ({ use, key: this.present(agency, use) }));
    const missing = present.find(({ key }) => key === undefined);
    if (missing) throw new AppError('CONFLICT', `the log shows no ${missing.use} key yet: finish onboarding`);
    const onTheirWay = new Set(this.records.unpublished(agency).map(({ use }) => use));
    for (const { use, key } of present) {
      if (onTheirWay.has(use)) continue;
      await this.records.make(agency, use, agency.signingKey(), key);
      this.logger.info({ agency: agency.id, use }, 'new key');
    }
    try {
      await this.records.publish(agency);
    } catch (error) {
      if (!(error instanceof AppError) || error.status < 500) throw error;
      this.logger.warn({ agency: agency.id, code: error.code }, 'new keys are published later');
    }
  }

  /** The newest key of a use in the log, be it in use already or not. */
  present(agency: ServedAgency, use: RotatedUse): LoggedKey | undefined {
    const now = this.clock.now();
    return this.log.keys
      .keysOf(agency.id)
      .findLast((key) => key.use === use && key.revokedAt === undefined && now < key.notAfter && agency.holds(key.kid));
  }
}
