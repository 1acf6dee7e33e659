import { generateKeyPairSync, randomFillSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  TileBuilder,
  ed25519NoteSigner,
  encodeEntryBundle,
  encodeTile,
  entryBundlePath,
  formatCheckpoint,
  leafHash,
  signCheckpoint,
  tilePath,
  tileWidth,
  verifierKey,
} from '#merkle';
import { commitmentKeyOf, encodeOpaqueEntry, newEntrySecret, parseLogBody } from '#envelope';
import { newEventId, unwrap } from '#kernel';
import { runCli } from '../../../apps/cli/src/program.js';

const origin = 'log.bench/kotovayla';
/** Event id and commitment: all of an opaque entry that differs from entry to entry. */
const variableBytes = 16 + 32;

/** `npm run bench -- fsck [--entries N]`: makes a log of N opaque entries in a folder and lets `kotovayla fsck` check it. */
export async function runFsckBench(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { entries: { type: 'string', default: '1000000' } } });
  const entries = Number(values.entries);
  const folder = await mkdtemp(join(tmpdir(), 'kotovayla-fsck-bench-'));
  try {
    const begun = performance.now();
    const key = await writeLog(folder, entries);
    console.log(`made a log of ${entries} entries in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    const cpu = process.cpuUsage();
    const started = performance.now();
    const code = await runCli(['fsck', folder, '--verifier-key', key], {
      env: {},
      folder,
      out: (line) => console.log(line),
      err: (line) => console.error(line),
    });
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (performance.now() - started) / 1000;
    console.log(
      `fsck: ${seconds.toFixed(1)} s, ${Math.round(entries / seconds)} entries/s, ${((user + system) / 1e6).toFixed(1)} s of CPU on all threads`,
    );
    return code;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeLog(folder: string, size: number): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const eventId = newEventId();
  const body = { v: 1, eventId, type: 'message-accepted', at: new Date().toISOString(), assertedBy: 'hub' };
  const template = encodeOpaqueEntry(eventId, unwrap(parseLogBody(body)), commitmentKeyOf(newEntrySecret()));
  const tree = new TileBuilder();
  const write = async (path: string, content: Uint8Array | string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  };
  for (let n = 0; n * tileWidth < size; n += 1) {
    const bundle = Array.from({ length: Math.min(tileWidth, size - n * tileWidth) }, () => {
      const entry = Buffer.from(template);
      return randomFillSync(entry, entry.length - variableBytes);
    });
    for (const entry of bundle) tree.append(leafHash(entry));
    await write(entryBundlePath(n, bundle.length), encodeEntryBundle(bundle));
    for (const { level, n: at, hashes } of tree.takeFull()) await write(tilePath(level, at), encodeTile(hashes));
  }
  for (const { level, n, hashes } of tree.partial()) await write(tilePath(level, n, hashes.length), encodeTile(hashes));
  const head = { origin, size, root: tree.root() };
  await write('checkpoint', signCheckpoint(formatCheckpoint(head), ed25519NoteSigner(origin, privateKey)));
  return verifierKey(origin, publicKey);
}
