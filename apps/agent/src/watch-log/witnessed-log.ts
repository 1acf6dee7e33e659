import { Inject, Injectable } from '@nestjs/common';
import type { Clock } from '#kernel';
import { type Checkpoint, judgeWitnessed, openCheckpoint, type WitnessPolicy } from '#merkle';
import { CLOCK, LOGGER, type Logger } from '#platform';
import { LogFollower } from '../follow-log/log-follower.js';
import { PublicHub } from '../hub-client/hub-client.js';
import { type Alarm, LogStore } from '../infra/log-store.js';
import { type WitnessedHead, WitnessedStore } from '../infra/witnessed-store.js';

/** Undefined where the agent has none. */
export const WITNESS_POLICY = Symbol('WitnessPolicy');

/** In this time a receipt's checkpoint must be the beginning of a witnessed one (design: The audit log). */
const WITNESSED_WITHIN_MS = 10 * 60_000;
/** Witnesses' clocks may be ahead of ours by so much. */
const SKEW_MS = 60_000;

/**
 * Watches that what this agent relies on is what others are shown too: each receipt's checkpoint must soon be the beginning
 * of a checkpoint that enough operators cosigned. Both are compared with the tree that was recomputed here, so the larger
 * witnessed one proves the smaller. Without a policy it watches nothing.
 */
@Injectable()
export class WitnessedLog {
  private witnessed: WitnessedHead | undefined;
  /** Largest size of the receipts since the last look, since the first of them. */
  private noticed: { readonly size: number; readonly since: Date } | undefined;
  private loaded = false;

  constructor(
    @Inject(WITNESS_POLICY) private readonly policy: WitnessPolicy | undefined,
    @Inject(WitnessedStore) private readonly store: WitnessedStore,
    @Inject(LogStore) private readonly alarms: LogStore,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(PublicHub) private readonly hub: PublicHub,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  get watches(): boolean {
    return this.policy !== undefined;
  }

  get head(): WitnessedHead | undefined {
    return this.witnessed;
  }

  /** A receipt under this checkpoint was accepted. */
  notice({ size }: Checkpoint): void {
    if (!this.policy || size <= (this.witnessed?.size ?? 0)) return;
    const since = this.noticed?.since ?? this.clock.now();
    this.noticed = { size: Math.max(size, this.noticed?.size ?? 0), since };
  }

  /** @throws AppError UNAVAILABLE when the hub does not answer; what is overdue has raised its alarm then */
  async runOnce(): Promise<void> {
    if (!this.policy) return;
    if (!this.loaded) this.witnessed = await this.store.head();
    this.loaded = true;
    if (this.noticed) {
      const { size, since } = this.noticed;
      this.noticed = undefined;
      await this.store.await(size, since);
    }
    try {
      await this.look(this.policy);
    } finally {
      const overdue = await this.store.takeOverdue(new Date(this.clock.now().getTime() - WITNESSED_WITHIN_MS));
      if (overdue !== undefined) await this.raiseOverdue(overdue);
    }
  }

  private async look(policy: WitnessPolicy): Promise<void> {
    const note = await this.hub.cosignedCheckpoint();
    if (note === undefined || note === this.witnessed?.note) return;
    const keys = await this.log.keysFor(note);
    if (!keys.ok) return;
    const opened = openCheckpoint(note, keys.value);
    const judged = opened.ok ? judgeWitnessed(note, policy, this.latestTime()) : opened;
    if (!opened.ok || !judged.ok || !('quorum' in judged.value))
      return this.raise({ code: 'CHECKPOINT_INVALID', detail: 'the witnessed checkpoint' });
    if (!judged.value.quorum || opened.value.size <= (this.witnessed?.size ?? -1)) return;
    const accepted = await this.log.accept(opened.value);
    if (!accepted.ok) return;
    const seenAt = this.clock.now();
    await this.store.cover(opened.value, seenAt);
    this.witnessed = { size: opened.value.size, note, seenAt };
  }

  private latestTime(): Date {
    return new Date(this.clock.now().getTime() + SKEW_MS);
  }

  /** One alarm for each size that was witnessed last: while witnesses are silent, more receipts say nothing new. */
  private async raiseOverdue(size: number): Promise<void> {
    const since = this.witnessed?.size ?? 0;
    if (size <= since) return;
    await this.raise({
      code: 'LOG_NOT_WITNESSED',
      detail: 'receipts beyond this size were not witnessed within ten minutes',
      leafIndex: since,
    });
  }

  private async raise(alarm: Alarm): Promise<void> {
    if (await this.alarms.raise(alarm, this.clock.now()))
      this.logger.error({ alarm: alarm.code, leafIndex: alarm.leafIndex }, alarm.detail);
  }
}
