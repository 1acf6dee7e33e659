import { randomBytes } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

const ownerOnly = 0o600;

export const backupOf = (path: string): string => `${path}.bak`;

/**
 * Replaces a file so that after a crash at any point either the old or the new text is whole at `path`, and the old one
 * stays beside it as backup. Readable by its owner alone, from the first byte on.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const fresh = `${path}.${randomBytes(6).toString('hex')}.new`;
  try {
    await writeDurably(fresh, text);
    await keepBackup(path);
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  await syncFolder(path);
}

/** Writes a file that must not exist yet. Throws EEXIST. */
export async function createFile(path: string, data: string | Uint8Array): Promise<void> {
  await writeDurably(path, data);
  await syncFolder(path);
}

async function writeDurably(path: string, data: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx', ownerOnly);
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function keepBackup(path: string): Promise<void> {
  const backup = backupOf(path);
  const linked = `${backup}.${randomBytes(6).toString('hex')}`;
  await link(path, linked);
  await rename(linked, backup);
  // rename(2) does nothing when both names are the same file already; then the extra name is left.
  await rm(linked, { force: true });
}

// A rename is durable only once the folder is (fsync(2)).
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
