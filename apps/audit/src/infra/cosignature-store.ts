import type { QueryResultRow } from 'pg';
import type { Queryable, StoredCheckpoint } from './log-store.js';
import { auditSchema as s } from './schema.js';

/** A witness's signature line under the checkpoint of a size. */
export interface StoredCosignature {
  /** Name and id of the witness's key. */
  readonly witness: string;
  readonly line: string;
  readonly at: Date;
}

const statements = {
  store: {
    name: `${s}.store-cosignatures`,
    text: `INSERT INTO ${s}.cosignature (tree_size, witness, line, cosigned_at)
           SELECT $1, * FROM unnest($2::text[], $3::text[], $4::timestamptz[]) ON CONFLICT DO NOTHING`,
  },
  of: {
    name: `${s}.cosignatures-of`,
    text: `SELECT line FROM ${s}.cosignature WHERE tree_size = $1 ORDER BY cosigned_at, witness`,
  },
  sizes: {
    name: `${s}.cosigned-sizes`,
    text: `SELECT witness, max(tree_size)::float8 AS size FROM ${s}.cosignature GROUP BY witness`,
  },
  witnessed: {
    name: `${s}.store-witnessed`,
    text: `INSERT INTO ${s}.witnessed_checkpoint (tree_size, root, note) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
  },
  witnessedFrom: {
    name: `${s}.witnessed-from`,
    text: `SELECT tree_size::float8 AS size, root, note FROM ${s}.witnessed_checkpoint
           WHERE tree_size >= $1 ORDER BY tree_size LIMIT 1`,
  },
} as const;

export async function storeCosignatures(
  client: Queryable,
  size: number,
  cosignatures: readonly StoredCosignature[],
): Promise<void> {
  const columns = [
    cosignatures.map(({ witness }) => witness),
    cosignatures.map(({ line }) => line),
    cosignatures.map(({ at }) => at),
  ];
  await client.query({ ...statements.store, values: [size, ...columns] });
}

/** The signature lines of witnesses under the checkpoint of this size, without newlines: `withSignatureLines` adds them to its note. */
export async function cosignaturesOf(client: Queryable, { size }: Pick<StoredCheckpoint, 'size'>): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>({ ...statements.of, values: [size] });
  return rows.map(({ line }) => line);
}

/** The largest size that each witness cosigned, by name and id of its key. */
export async function cosignedSizes(client: Queryable): Promise<Map<string, number>> {
  const { rows } = await client.query<{ witness: string; size: number }>(statements.sizes);
  return new Map(rows.map(({ witness, size }) => [witness, size]));
}

/** Keeps the note that the policy counts as witnessed; of each size the first one. */
export async function storeWitnessed(client: Queryable, { size, root, note }: StoredCheckpoint): Promise<void> {
  await client.query({ ...statements.witnessed, values: [size, root, note] });
}

/** The first witnessed checkpoint that covers a tree of this size, with its cosignatures; undefined while there is none. */
export async function witnessedFrom(client: Queryable, size: number): Promise<StoredCheckpoint | undefined> {
  const { rows } = await client.query<StoredCheckpoint & QueryResultRow>({
    ...statements.witnessedFrom,
    values: [size],
  });
  return rows[0];
}
