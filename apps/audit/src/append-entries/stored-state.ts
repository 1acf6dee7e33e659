import type pg from 'pg';
import { AppError } from '#kernel';
import { type LogVerifier, assembleRoot, openCheckpoint, rootNodes } from '#merkle';
import { type StoredCheckpoint, appendStatement, lastCheckpoint, storedSize, tileSource } from '../infra/log-store.js';
import { auditSchema } from '../infra/schema.js';
import { TiledTree } from '../tree/tiled-tree.js';

/** Whether this session holds the appender's lock now. It holds it until it ends. */
export async function hasLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    `SELECT pg_try_advisory_lock(hashtextextended('${auditSchema}.appender', 0)) AS locked`,
  );
  return rows[0]?.locked ?? false;
}

/** Errors: CONFIG_INVALID where the database may lose what it has committed. */
export async function checkDurability(
  client: pg.Client,
  { requireSynchronousStandby = false }: { readonly requireSynchronousStandby?: boolean },
): Promise<void> {
  const { rows } = await client.query<{ commit: string; standbys: string }>(
    `SELECT current_setting('synchronous_commit') AS commit, current_setting('synchronous_standby_names') AS standbys`,
  );
  if (['off', 'local'].includes(rows[0]?.commit ?? 'off'))
    throw new AppError('CONFIG_INVALID', 'synchronous_commit is off: an answered entry could be lost');
  if (requireSynchronousStandby && !rows[0]?.standbys)
    throw new AppError('CONFIG_INVALID', 'synchronous_standby_names is empty: a failover could lose a logged release');
}

/**
 * What this session looks up it finds by an index. The planner guesses how much it will be asked for: PostgreSQL 15 read whole tables
 * for each batch, 300 µs of CPU an entry rather than 38 (decision 0038).
 */
export const lookByIndex = async (client: pg.Client): Promise<void> =>
  void (await client.query('SET enable_seqscan = off'));

interface StateOptions {
  readonly verifier: LogVerifier;
  /** For the empty log, so that agents have a checkpoint to begin with. */
  readonly sign: (tree: TiledTree) => StoredCheckpoint;
  /** What was given out before: the stored log must contain it. */
  readonly givenOut: StoredCheckpoint | undefined;
}

/**
 * The stored tree, recomputed at its right edge and held against its signed checkpoint and against what was given out.
 * Errors: LOG_INCONSISTENT.
 */
export async function readState(
  client: pg.Client,
  { verifier, sign, givenOut }: StateOptions,
): Promise<{ tree: TiledTree; checkpoint: StoredCheckpoint }> {
  const stored = (await lastCheckpoint(client)) ?? (await foundLog(client, sign));
  const size = await storedSize(client);
  const tree = await restore(client, stored.size);
  const signed = openCheckpoint(stored.note, verifier);
  if (!signed.ok) throw new AppError('LOG_INCONSISTENT', 'the last checkpoint is not signed by the log key');
  const sound =
    size === stored.size &&
    signed.value.size === stored.size &&
    signed.value.root.equals(stored.root) &&
    tree.root().equals(stored.root);
  if (!sound) throw new AppError('LOG_INCONSISTENT', 'entries, tiles and the last checkpoint do not fit together');
  if (givenOut && !(await contains(tree, givenOut, client)))
    throw new AppError('LOG_INCONSISTENT', 'the stored log does not contain a checkpoint that was given out');
  return { tree, checkpoint: stored };
}

async function restore(client: pg.Client, size: number): Promise<TiledTree> {
  try {
    return await TiledTree.restore(size, tileSource(client));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new AppError('LOG_INCONSISTENT', 'entries or tiles are missing', {}, { cause });
  }
}

async function foundLog(client: pg.Client, sign: StateOptions['sign']): Promise<StoredCheckpoint> {
  const checkpoint = sign(await TiledTree.restore(0, tileSource(client)));
  const loggedAt = new Date().toISOString();
  await client.query(
    appendStatement([], { loggedAt, begun: [], runs: [], tiles: [], checkpoint, events: [], consumed: [] }),
  );
  return checkpoint;
}

/** Whether the tree is the one of this checkpoint or has grown out of it. */
async function contains(tree: TiledTree, { size, root }: StoredCheckpoint, client: pg.Client): Promise<boolean> {
  if (size > tree.size) return false;
  const read = await tree.reader(rootNodes(size), tileSource(client));
  return assembleRoot(size, read).equals(root);
}
