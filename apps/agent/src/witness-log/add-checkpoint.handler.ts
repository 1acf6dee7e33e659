import { Inject, Injectable } from '@nestjs/common';
import { AppError, type Clock } from '#kernel';
import {
  type Checkpoint,
  cosignatureLine,
  judgeAddCheckpoint,
  type LogVerifier,
  parseAddCheckpoint,
  type TreeHead,
  treeSizeType,
} from '#merkle';
import { CLOCK, LOGGER, type Logger } from '#platform';
import { LogFollower } from '../follow-log/log-follower.js';
import { WitnessStore } from '../infra/witness-store.js';
import { WITNESS_KEY, type WitnessKey } from './witness-key.js';

export interface WitnessAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const plain = 'text/plain; charset=utf-8';

/**
 * Cosigns a checkpoint of the followed log (C2SP tlog-witness) when it has grown from what was cosigned before, and agrees
 * with what this agent itself was shown of the log. The new state is stored, in the database and outside it, before anything is
 * answered.
 */
@Injectable()
export class AddCheckpoint {
  constructor(
    @Inject(WITNESS_KEY) private readonly key: WitnessKey | undefined,
    @Inject(WitnessStore) private readonly store: WitnessStore,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws AppError UNAVAILABLE when what was shown before cannot be compared now; NOT_FOUND where this is no witness */
  async handle(body: string): Promise<WitnessAnswer> {
    const { key } = this;
    if (!key) throw new AppError('NOT_FOUND', 'this agent is no witness');
    const request = parseAddCheckpoint(body);
    if (!request.ok) return refusal(400, request.error.detail);
    const { origin } = this.log;
    await key.head.reconcile(origin);
    const keys = await this.keysOf(request.value.checkpoint);
    const latest = await this.store.latest(origin);
    const verdict = judgeAddCheckpoint(request.value, (named) => (named === origin ? keys : undefined), latest);
    switch (verdict.status) {
      case 200:
        return this.cosign(key, verdict.from, verdict.checkpoint, request.value.proof);
      case 409:
        return conflict(verdict.size);
      default:
        this.logger.warn({ status: verdict.status }, verdict.detail);
        return refusal(verdict.status, verdict.detail);
    }
  }

  /** Of the log as far as it is shown now: a key that was retired meanwhile must not count. */
  private async keysOf(checkpoint: string): Promise<LogVerifier | undefined> {
    if (!checkpoint.startsWith(`${this.log.origin}\n`)) return undefined;
    const keys = await this.log.keysFor(checkpoint, { newest: true });
    if (!keys.ok) throw keys.error;
    return keys.value;
  }

  private async cosign(
    key: WitnessKey,
    from: TreeHead,
    checkpoint: Checkpoint,
    proof: readonly Buffer[],
  ): Promise<WitnessAnswer> {
    const agreed = await this.log.accept(checkpoint, { from, proof });
    if (!agreed.ok) return refusal(422, 'the checkpoint is not of the log that this witness was shown');
    // Before the head is stored: from then on another one may be the largest.
    const at = this.clock.now();
    if (!(await this.store.advance(from, checkpoint, at))) {
      const latest = await this.store.latest(checkpoint.origin);
      return conflict(latest?.size ?? 0);
    }
    await key.head.keep(checkpoint);
    return { status: 200, type: plain, body: cosignatureLine(checkpoint, key.signerAt(at)) };
  }
}

const conflict = (size: number): WitnessAnswer => ({ status: 409, type: treeSizeType, body: `${size}\n` });
const refusal = (status: number, detail: string): WitnessAnswer => ({ status, type: plain, body: `${detail}\n` });
