import type { LogFolder } from '../infra/log-folder.js';

/** Changes one bit of a file. */
export async function flipByte(folder: LogFolder, path: string, at: number): Promise<void> {
  const bytes = await folder.read(path);
  if (bytes === undefined || at >= bytes.length) throw new Error(`${path} has no byte ${at}`);
  bytes[at]! ^= 0x01;
  await folder.write(path, bytes);
}
