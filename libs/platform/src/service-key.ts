import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * A hub service's private key as a JWK in a file of its own (mode 0600), made at first start. Never in PostgreSQL, never in
 * an environment variable (design: Keys). A KMS takes this place in production.
 *
 * @param make a new private JWK
 */
export async function loadOrCreateServiceKey(path: string, make: () => Promise<object>): Promise<object> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as object;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
  }
  const key = await make();
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.new`;
  await writeFile(fresh, JSON.stringify(key), { mode: 0o600, flush: true });
  await chmod(fresh, 0o600);
  await rename(fresh, path);
  return key;
}
