import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { createTopics, KafkaLog, PARTITIONS } from '#messaging';
import type { KafkaSend } from '../measure/kafka-sends.js';
import type { PostgresWork } from '../measure/postgres-work.js';
import { type FloorPlan, payloadOf, planFloor } from './floor-plan.js';

const TOPIC = 'bench.floor.v1';
/** Connections to each cluster: commits that come together share one flush, as the pipeline's do. */
const CONNECTIONS = 8;
/** Sends and commits of each kind before the clock starts, so that no connection or compilation is measured. */
const WARM_UP = 300;

export interface Cluster {
  readonly url: string;
  readonly work: PostgresWork;
}

/**
 * The same Kafka sends and PostgreSQL commits as the pipeline's, with the same bytes and batches, and nothing in between.
 * Nobody consumes, nobody reads: what stands between this and the pipeline is everything else.
 */
export class Floor {
  private constructor(
    private readonly log: KafkaLog,
    private readonly plan: FloorPlan,
    private readonly clusters: readonly { pool: pg.Pool; writes: number; payload: Buffer }[],
  ) {}

  /** Makes what it needs and warms up; nothing of that is to be measured. */
  static async prepare(brokers: string, sends: readonly KafkaSend[], clusters: readonly Cluster[]): Promise<Floor> {
    await createTopics(brokers.split(','), [TOPIC], { replication: 1 });
    const log = new KafkaLog({ brokers: brokers.split(','), clientId: 'bench-floor' });
    await log.connect();
    const prepared = [];
    for (const { url, work } of clusters) {
      const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS });
      await pool.query(
        `CREATE TABLE IF NOT EXISTS bench_floor (payload bytea STORAGE EXTERNAL);
         ALTER TABLE bench_floor SET (autovacuum_enabled = false)`,
      );
      prepared.push({ pool, writes: work.writes, payload: randomBytes(payloadOf(work)) });
    }
    const floor = new Floor(log, planFloor(sends, PARTITIONS), prepared);
    const few = floor.plan.lanes.map((lane) => lane.slice(0, Math.ceil(WARM_UP / PARTITIONS)));
    await Promise.all([floor.send(few), ...prepared.map((cluster) => floor.commit({ ...cluster, writes: WARM_UP }))]);
    return floor;
  }

  get sends(): Pick<FloorPlan, 'sends' | 'records' | 'sendBytes'> {
    return this.plan;
  }

  /** Resolves to how many milliseconds it took, all of it side by side. */
  async run(): Promise<number> {
    const begun = performance.now();
    await Promise.all([this.send(this.plan.lanes), ...this.clusters.map((cluster) => this.commit(cluster))]);
    return performance.now() - begun;
  }

  async close(): Promise<void> {
    await this.log.disconnect();
    await Promise.all(this.clusters.map(({ pool }) => pool.end()));
  }

  private async send(lanes: FloorPlan['lanes']): Promise<void> {
    await Promise.all(
      lanes.map(async (lane) => {
        for (const { key, sizes } of lane)
          await this.log.publish(
            TOPIC,
            sizes.map((size) => ({ key, value: randomBytes(size) })),
          );
      }),
    );
  }

  private async commit({ pool, writes, payload }: { pool: pg.Pool; writes: number; payload: Buffer }): Promise<void> {
    let left = writes;
    const work = async (): Promise<void> => {
      const client = await pool.connect();
      try {
        while (left > 0) {
          left -= 1;
          await client.query({
            name: 'floor',
            text: 'INSERT INTO bench_floor (payload) VALUES ($1)',
            values: [payload],
          });
        }
      } finally {
        client.release();
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
  }
}
