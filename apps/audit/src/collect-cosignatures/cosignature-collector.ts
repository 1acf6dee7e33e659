import { Gauge } from 'prom-client';
import type { Clock } from '#kernel';
import {
  type Checkpoint,
  type Cosignature,
  type LogVerifier,
  type PolicyWitness,
  type WitnessPolicy,
  assembleConsistencyProof,
  consistencyProofNodes,
  judgeWitnessed,
  openCheckpoint,
  readNodes,
  withSignatureLines,
} from '#merkle';
import { type Logger, metrics } from '#platform';
import {
  type StoredCosignature,
  cosignaturesOf,
  cosignedSizes,
  storeCosignatures,
  storeWitnessed,
} from '../infra/cosignature-store.js';
import type { Queryable } from '../infra/log-store.js';
import type { TileFolder } from '../publish-log/tile-folder.js';
import { askWitness } from './ask-witness.js';

export interface CollectorOptions {
  readonly policy: WitnessPolicy;
  readonly folder: TileFolder;
  readonly database: Queryable;
  /** The log's own keys. */
  readonly verifier: LogVerifier;
  /** Whether this instance is the one that publishes. */
  readonly isActive: () => boolean;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Pause between two looks at the published checkpoint. */
  readonly intervalMs: number;
  readonly timeoutMs?: number;
}

/** What is known of one witness. */
interface Asked {
  readonly witness: PolicyWitness;
  /** Name and id of its key. */
  readonly key: string;
  /** Size of what it cosigned last, as far as is known. */
  size: number;
  failures: number;
  notBefore: number;
  /** It has cosigned more than is published: the log was set back. */
  ahead: boolean;
}

const TIMEOUT_MS = 5_000;
/** A witness whose size is told wrong again and again is asked no more in this round. */
const TRIES = 3;
const LONGEST_PAUSE_MS = 10 * 60_000;
const SKEW_MS = 60_000;
const GAUGE = 'kotovayla_audit_witnessed_size';

/**
 * Takes the published checkpoint every so often and asks the witnesses of the policy to cosign it, all at once and off the
 * commit path: it reads files only, and what it gathers goes to its own tables and into the published notes. A witness that
 * does not answer is asked again after a pause that grows.
 */
export class CosignatureCollector {
  private readonly asked: Asked[];
  private running: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private loaded = false;
  private witnessedSize = 0;

  constructor(private readonly options: CollectorOptions) {
    this.asked = options.policy.witnesses
      .filter(({ url }) => url !== undefined)
      .map((witness) => ({ witness, key: keyOf(witness), size: 0, failures: 0, notBefore: 0, ahead: false }));
    metrics.removeSingleMetric(GAUGE);
    const size = (): number => this.witnessedSize;
    new Gauge({
      name: GAUGE,
      help: 'Size of the largest checkpoint that the policy counts as witnessed',
      registers: [metrics],
      collect() {
        this.set(size());
      },
    });
  }

  start(): void {
    this.lookAgainAfter(0);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** What a person should look at. */
  warnings(): string[] {
    return this.asked.flatMap(({ witness: { name }, failures, ahead }) => [
      ...(ahead ? [`witness ${name} has cosigned a larger log than the published one`] : []),
      ...(failures > 0 ? [`witness ${name} has not cosigned ${failures} time(s) in a row`] : []),
    ]);
  }

  /** Asks every witness that lacks the published checkpoint, and publishes what came of it. */
  async collect(): Promise<void> {
    const { folder, verifier, database } = this.options;
    const note = await folder.checkpoint();
    const opened = note === undefined ? undefined : openCheckpoint(note, verifier);
    if (!opened?.ok) return;
    const checkpoint = opened.value;
    if (!this.loaded) await this.load();
    // What it cosigned was published before: the folder or the log behind it was set back.
    for (const one of this.asked) if (one.size > checkpoint.size) this.noteAhead(one, one.size, checkpoint);
    const now = this.options.clock.now().getTime();
    const due = this.asked.filter(({ size, notBefore }) => size < checkpoint.size && notBefore <= now);
    const cosigned = (await Promise.all(due.map((one) => this.ask(one, checkpoint)))).filter(
      (one) => one !== undefined,
    );
    if (cosigned.length > 0) await storeCosignatures(database, checkpoint.size, cosigned);
    if (cosigned.length > 0 || this.witnessedSize < checkpoint.size) await this.publish(checkpoint);
  }

  private lookAgainAfter(milliseconds: number): void {
    if (this.closed) return;
    this.timer = setTimeout(() => {
      this.running = this.look().finally(() => this.lookAgainAfter(this.options.intervalMs));
    }, milliseconds);
  }

  private async look(): Promise<void> {
    if (!this.options.isActive()) return;
    try {
      await this.collect();
    } catch (error) {
      this.options.logger.warn({ err: error }, 'cosignatures could not be collected; trying again');
    }
  }

  private async load(): Promise<void> {
    const sizes = await cosignedSizes(this.options.database);
    for (const one of this.asked) one.size = sizes.get(one.key) ?? 0;
    this.loaded = true;
  }

  private async ask(one: Asked, checkpoint: Checkpoint): Promise<StoredCosignature | undefined> {
    const { witness } = one;
    let oldSize = one.size;
    let status = 0;
    for (let tries = 0; tries < TRIES; tries += 1) {
      const proof = await this.proof(oldSize, checkpoint.size);
      const request = { oldSize, proof, checkpoint: checkpoint.note };
      const reply = await askWitness(witness, request, this.options.timeoutMs ?? TIMEOUT_MS);
      if (reply.kind === 'cosigned') return this.succeeded(one, checkpoint, reply.cosignature);
      if (reply.kind === 'refused') {
        status = reply.status;
        break;
      }
      if (reply.size > checkpoint.size) {
        this.noteAhead(one, reply.size, checkpoint);
        break;
      }
      status = 409;
      // The same size again: it has another root of it, told as in v1.0.0.
      if (reply.size === oldSize) break;
      oldSize = reply.size;
    }
    one.failures += 1;
    const pause = Math.min(LONGEST_PAUSE_MS, this.options.intervalMs * 2 ** Math.min(one.failures - 1, 20));
    one.notBefore = this.options.clock.now().getTime() + pause;
    this.options.logger.warn({ witness: witness.name, status, failures: one.failures }, 'a witness did not cosign');
    return undefined;
  }

  private noteAhead(one: Asked, size: number, { size: published }: Checkpoint): void {
    if (!one.ahead)
      this.options.logger.error(
        { alarm: 'LOG_INCONSISTENT', witness: one.witness.name, size, published },
        'a witness has cosigned a larger log than the published one',
      );
    one.ahead = true;
  }

  private succeeded(one: Asked, { size }: Checkpoint, { line, at }: Cosignature): StoredCosignature {
    Object.assign(one, { size, failures: 0, notBefore: 0, ahead: false });
    return { witness: one.key, line, at };
  }

  /** From the published tiles alone. */
  private async proof(first: number, second: number): Promise<Buffer[]> {
    const { folder } = this.options;
    const nodes = consistencyProofNodes(first, second);
    const get = await readNodes(nodes, second, (path) => folder.readPublic(path));
    return assembleConsistencyProof(first, second, get).map((hash) => Buffer.from(hash));
  }

  /** All that is stored for this size, not what came now alone: one witness may have answered in an earlier round. */
  private async publish(checkpoint: Checkpoint): Promise<void> {
    const { folder, database, policy, clock, logger } = this.options;
    const lines = await cosignaturesOf(database, checkpoint);
    if (lines.length === 0) return;
    const note = withSignatureLines(checkpoint.note, lines);
    await folder.addSignatures(checkpoint.size, lines);
    const judged = judgeWitnessed(note, policy, new Date(clock.now().getTime() + SKEW_MS));
    if (!judged.ok || !judged.value.quorum) return;
    const { size, root } = checkpoint;
    await storeWitnessed(database, { size, root, note });
    await folder.publishCosigned(size, note);
    if (size <= this.witnessedSize) return;
    this.witnessedSize = size;
    const by = judged.value.cosignatures.map(({ witness }) => witness);
    logger.info({ size, by }, 'witnessed');
  }
}

const keyOf = ({ verifier }: PolicyWitness): string => `${verifier.name}+${verifier.keyId.toString('hex')}`;
