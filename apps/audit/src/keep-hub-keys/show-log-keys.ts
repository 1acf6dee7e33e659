import { type LogKeyLink, formatLogKeyLinks, logKeysFile } from '#envelope';
import { AppError } from '#kernel';
import { formatProof } from '#merkle';
import type { LogKeyring } from '../infra/log-keyring.js';
import { type Queryable, storedSize, tileSource } from '../infra/log-store.js';
import { loggedLogKeys } from '../infra/logged-log-keys.js';
import { auditSchema as s } from '../infra/schema.js';
import type { TileFolder } from '../publish-log/tile-folder.js';
import { inclusionProof } from '../read-log/proofs.js';
import { TiledTree } from '../tree/tiled-tree.js';

/** What keeps the keys that this process signs with in step with the log. */
export const logKeyDuties = (keys: LogKeyring, client: Queryable, folder: TileFolder) => ({
  /** With the lock, before the state of the log is read: before anything is signed by a new key alone, all can find it. */
  onTakeOver: async (): Promise<void> => {
    await keys.reload(client);
    if (keys.changed) await showLogKeys(client, folder);
  },
  onAnnounced: async (): Promise<void> => {
    await keys.reload(client);
    await showLogKeys(client, folder);
  },
});

/**
 * Publishes how each key of the log follows from the one before, so that who trusts an earlier key finds the newest. Always the
 * same links for the same log, so what is published is only ever added to. Errors: LOG_INCONSISTENT where it is something else.
 */
async function showLogKeys(client: Queryable, folder: TileFolder): Promise<void> {
  const links = formatLogKeyLinks(await logKeyLinks(client));
  const shown = (await folder.read(logKeysFile))?.toString('utf8');
  if (shown === links) return;
  if (shown !== undefined && !isBeginning(shown, links))
    throw new AppError('LOG_INCONSISTENT', 'the published keys of the log are not those of its entries');
  await folder.publishKeys(links);
}

/** Leaves that say something of the log's keys, each proved under the first checkpoint that covers it. */
async function logKeyLinks(client: Queryable): Promise<LogKeyLink[]> {
  const { leaves } = await loggedLogKeys(client);
  const source = tileSource(client);
  const committed = await storedSize(client);
  const tree = await TiledTree.restore(committed, source);
  const links: LogKeyLink[] = [];
  for (const { leafIndex, entry } of leaves) {
    const { size, note } = await checkpointOver(client, leafIndex);
    const proof = await inclusionProof(tree, source, { index: leafIndex, size, committed });
    links.push({ entry, proof: formatProof({ index: leafIndex, proof, checkpoint: note }) });
  }
  return links;
}

async function checkpointOver(client: Queryable, leafIndex: number): Promise<{ size: number; note: string }> {
  const { rows } = await client.query<{ size: number; note: string }>({
    name: `${s}.checkpoint-over`,
    text: `SELECT tree_size::float8 AS size, note FROM ${s}.checkpoint WHERE tree_size > $1 ORDER BY tree_size LIMIT 1`,
    values: [leafIndex],
  });
  if (!rows[0]) throw new AppError('LOG_INCONSISTENT', 'no checkpoint covers the last entry');
  return rows[0];
}

function isBeginning(shown: string, links: string): boolean {
  const [before, now] = [JSON.parse(shown), JSON.parse(links)] as [unknown[], unknown[]];
  return before.every((link, at) => JSON.stringify(link) === JSON.stringify(now[at]));
}
