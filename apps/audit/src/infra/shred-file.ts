import { randomBytes } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes over the bytes of a key file before its name goes. What a file system or a backup keeps beside is outside this. */
export async function shredFile(path: string): Promise<void> {
  const old = await open(path, 'r+');
  try {
    await old.write(randomBytes((await old.stat()).size), 0);
    await old.sync();
  } finally {
    await old.close();
  }
  await unlink(path);
  await syncFolderOf(path);
}

/** Names made, moved or removed in the file's folder outlive a loss of power. */
export async function syncFolderOf(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
