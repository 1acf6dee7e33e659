import { Inject, Injectable } from '@nestjs/common';
import type { AgencyId, Clock } from '#kernel';
import { CLOCK, LOGGER, type Logger } from '#platform';
import { destroyFrom, pseudonymKeyDestroyFrom, rotateFrom } from '../domain/key-schedule.js';
import { LogFollower } from '../follow-log/log-follower.js';
import { PublicHub } from '../hub-client/hub-client.js';
import { KeyStore } from '../infra/key-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { rotatedUses } from './keep-keys.dto.js';
import { KeyRecords } from './key-records.js';
import { RotateKeys } from './rotate-keys.handler.js';

/** What waits for the log is posted again after so long. */
const POST_AGAIN_MS = 30_000;

/** Looks after the keys of an agency: posts what is not in the log yet, rotates in time, destroys what is of no use any more. */
@Injectable()
export class KeyKeeper {
  private readonly postedAt = new Map<AgencyId, number>();

  constructor(
    @Inject(KeyRecords) private readonly records: KeyRecords,
    @Inject(RotateKeys) private readonly rotation: RotateKeys,
    @Inject(KeyStore) private readonly store: KeyStore,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(PublicHub) private readonly hub: PublicHub,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Returns 0: what there is to do depends on the clock and the log, not on other work. */
  async runOnce(agency: ServedAgency): Promise<number> {
    // The first keys are published by hand, once the operator has compared the thumbprint.
    if (!this.log.keys.keysOf(agency.id).some(({ use }) => use === 'signing')) return 0;
    await this.post(agency);
    await this.rotate(agency);
    await this.destroy(agency);
    await this.destroyPseudonymKeys(agency);
    return 0;
  }

  private async post(agency: ServedAgency): Promise<void> {
    const now = this.clock.now().getTime();
    if (now - (this.postedAt.get(agency.id) ?? 0) < POST_AGAIN_MS) return;
    this.postedAt.set(agency.id, now);
    await this.records.publish(agency);
    const logged = this.log.keys.keysOf(agency.id);
    for (const { kid, token } of await this.store.revocations(agency.id)) {
      const key = logged.find((known) => known.kid === kid);
      if (key && key.revokedAt === undefined) await this.hub.revokeKey(token);
    }
  }

  private async rotate(agency: ServedAgency): Promise<void> {
    const due = rotatedUses.filter((use) => {
      const key = this.rotation.present(agency, use);
      return key !== undefined && rotateFrom(key, agency.settings.keys) <= this.clock.now();
    });
    const waiting = new Set(this.records.unpublished(agency).map(({ use }) => use));
    const uses = due.filter((use) => !waiting.has(use));
    if (uses.length > 0) await this.rotation.rotate(agency, uses);
  }

  private async destroy(agency: ServedAgency): Promise<void> {
    const now = this.clock.now();
    for (const { kid, current } of agency.vault.list()) {
      if (kid === undefined || current) continue;
      const key = this.log.keys.keysOf(agency.id).find((known) => known.kid === kid);
      const from = key && destroyFrom(key, (madeBefore) => this.log.keys.capsulesEnd(madeBefore));
      if (!key || !from || now < from) continue;
      await agency.vault.remove(kid);
      await this.store.markDestroyed(agency.id, kid, now);
      this.logger.info({ agency: agency.id, kid, use: key.use }, 'private key destroyed');
    }
  }

  private async destroyPseudonymKeys(agency: ServedAgency): Promise<void> {
    const now = this.clock.now();
    const versions = agency.pseudonymVersions();
    for (const [index, { version }] of versions.entries()) {
      const next = versions[index + 1];
      const from = next && pseudonymKeyDestroyFrom(next.useFrom, (before) => this.log.keys.capsulesEnd(before));
      if (!from || now < from) continue;
      await agency.vault.removePseudonymKey(version);
      this.logger.info({ agency: agency.id, version }, 'pseudonym key destroyed');
    }
  }
}
