import type { QueryResultRow } from 'pg';
import type { AgencyId, ErrorCode, Sha256 } from '#kernel';
import type { LeftErasure } from '../domain/left-erasures.js';
import type { Queryable } from './log-store.js';
import { auditSchema as s } from './schema.js';

/**
 * `interrupted`: the service stopped in the middle; it goes on when it is started again. `waiting`: something broke after its
 * tombstone stood; it goes on by itself.
 */
export type ErasureRunState = 'running' | 'interrupted' | 'waiting' | 'done' | 'failed';

/** What is known of a run while it goes on. Counts never fall. */
export interface ErasureRunProgress {
  /** Of the erasures that it does. */
  readonly approvals: readonly Sha256[];
  /** Entries that it is to erase, those that are gone, and whose they were. */
  readonly entries: number;
  readonly erased: number;
  readonly persons: number;
  /** Secrets of other entries that it is to wrap anew, and those that are wrapped. */
  readonly secrets: number;
  readonly rewrapped: number;
  readonly tombstones: readonly number[];
  readonly destroyedKek: string | null;
  readonly transportForgetsAt: Date | null;
  /** What it does not do, and why. */
  readonly left: readonly LeftErasure[];
}

export interface StoredErasureRun extends ErasureRunProgress {
  /** Hash of the signed question that started it, or of the name of its night. */
  readonly id: Sha256;
  readonly askedBy: readonly AgencyId[];
  readonly state: ErasureRunState;
  readonly startedAt: Date;
  readonly seenAt: Date;
  readonly endedAt: Date | null;
  readonly interruptions: number;
  /** How often something broke after its tombstone stood, and when it is tried again where it waits for that. */
  readonly failures: number;
  readonly nextAttemptAt: Date | null;
  /** Why it failed, or waits. */
  readonly code: ErrorCode | null;
}

const run = `id, asked_by AS "askedBy", state, started_at AS "startedAt", seen_at AS "seenAt", ended_at AS "endedAt",
  interruptions, failures, next_attempt_at AS "nextAttemptAt", approvals, entries, erased, persons, secrets::float8 AS secrets, rewrapped::float8 AS rewrapped, tombstones,
  destroyed_kek AS "destroyedKek", transport_forgets_at AS "transportForgetsAt", left_over AS "left", code`;

/** Runs of the erasure. At most one has not ended. */
export class ErasureRunStore {
  constructor(private readonly client: Queryable) {}

  /** The one that has not ended, else this new one; who asked is among those who may see it. */
  async open({ id, by, at }: { readonly id: Sha256; readonly by: AgencyId; readonly at: Date }): Promise<void> {
    await this.client.query({
      text: `WITH made AS (
               INSERT INTO ${s}.erasure_run (id, asked_by, state, started_at, seen_at)
               VALUES ($1, ARRAY[$2], 'running', $3, $3) ON CONFLICT DO NOTHING RETURNING id)
             UPDATE ${s}.erasure_run SET asked_by = array_append(asked_by, $2::text)
             WHERE ended_at IS NULL AND NOT $2 = ANY (asked_by) AND NOT EXISTS (SELECT FROM made)`,
      values: [id, by, at],
    });
  }

  /** The one that has not ended, else this new one, for which nobody asked; neither where that one has ended. */
  async openNightly({ id, at }: { readonly id: Sha256; readonly at: Date }): Promise<void> {
    await this.client.query({
      text: `INSERT INTO ${s}.erasure_run (id, asked_by, state, started_at, seen_at)
             VALUES ($1, '{}', 'running', $2, $2) ON CONFLICT DO NOTHING`,
      values: [id, at],
    });
  }

  async unended(): Promise<StoredErasureRun | undefined> {
    return this.one('ended_at IS NULL', []);
  }

  async find(id: string): Promise<StoredErasureRun | undefined> {
    return this.one('id = $1', [id]);
  }

  /** Whatever carried it out is gone. */
  async interrupt(): Promise<void> {
    await this.client.query({
      text: `UPDATE ${s}.erasure_run SET state = 'interrupted', interruptions = interruptions + 1 WHERE state = 'running'`,
    });
  }

  async goOn(id: Sha256, at: Date): Promise<void> {
    await this.client.query({
      text: `UPDATE ${s}.erasure_run SET state = 'running', seen_at = $2, next_attempt_at = NULL, code = NULL WHERE id = $1 AND ended_at IS NULL`,
      values: [id, at],
    });
  }

  /** What broke it may be gone by then. */
  async putOff(
    id: Sha256,
    at: Date,
    { until, code }: { readonly until: Date; readonly code: ErrorCode },
  ): Promise<void> {
    await this.client.query({
      text: `UPDATE ${s}.erasure_run SET state = 'waiting', failures = failures + 1, seen_at = $2, next_attempt_at = $3,
               code = $4 WHERE id = $1 AND ended_at IS NULL`,
      values: [id, at, until, code],
    });
  }

  /** What is given replaces what was known. */
  async see(id: Sha256, at: Date, seen: Partial<ErasureRunProgress>): Promise<void> {
    await this.client.query({
      name: `${s}.see-erasure-run`,
      text: `UPDATE ${s}.erasure_run SET seen_at = $2, approvals = coalesce($3, approvals), entries = coalesce($4, entries),
               erased = greatest(erased, $5), persons = coalesce($6, persons), secrets = greatest(secrets, $7),
               rewrapped = greatest(rewrapped, $8), tombstones = coalesce($9, tombstones),
               destroyed_kek = coalesce($10, destroyed_kek), transport_forgets_at = coalesce($11, transport_forgets_at),
               left_over = coalesce($12, left_over)
             WHERE id = $1 AND ended_at IS NULL`,
      values: [
        id,
        at,
        seen.approvals ?? null,
        seen.entries ?? null,
        seen.erased ?? null,
        seen.persons ?? null,
        seen.secrets ?? null,
        seen.rewrapped ?? null,
        seen.tombstones ? JSON.stringify(seen.tombstones) : null,
        seen.destroyedKek ?? null,
        seen.transportForgetsAt ?? null,
        seen.left ? JSON.stringify(seen.left) : null,
      ],
    });
  }

  /** Failed where a code is given. */
  async end(id: Sha256, at: Date, code?: ErrorCode): Promise<void> {
    await this.client.query({
      text: `UPDATE ${s}.erasure_run SET state = $3, code = $4, seen_at = $2, ended_at = $2,
               -- What was counted in the moment of a crash is gone all the same.
               erased = CASE WHEN $4::text IS NULL THEN greatest(erased, entries) ELSE erased END
             WHERE id = $1 AND ended_at IS NULL`,
      values: [id, at, code === undefined ? 'done' : 'failed', code ?? null],
    });
  }

  private async one(condition: string, values: readonly unknown[]): Promise<StoredErasureRun | undefined> {
    const { rows } = await this.client.query<StoredErasureRun & QueryResultRow>({
      text: `SELECT ${run} FROM ${s}.erasure_run WHERE ${condition}`,
      values: [...values],
    });
    return rows[0];
  }
}
