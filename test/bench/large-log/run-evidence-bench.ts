import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { clearListFile, generateSigningKey, logKeyChain, opaqueEntry, signStatement } from '#envelope';
import { agencyId, newEventId, unwrap } from '#kernel';
import {
  type Checkpoint,
  TileBuilder,
  encodeEntryBundle,
  encodeTile,
  entryBundlePath,
  leafHash,
  openCheckpoint,
  tilePath,
  tileWidth,
} from '#merkle';
import type { LogFiles } from '../../../apps/cli/src/domain/log-files.js';
import { LogFolder } from '../../../apps/cli/src/infra/log-folder.js';
import { LogOverHttp } from '../../../apps/cli/src/infra/log-over-http.js';
import { readTombstones } from '../../../apps/cli/src/infra/read-tombstones.js';
import { makeEvidence } from '../../../apps/cli/src/make-evidence/make-evidence.js';
import { ServedLog } from '../../../apps/cli/src/testing/served-folder.fixture.js';
import type { SmallLog } from '../../../apps/cli/src/testing/small-log.fixture.js';
import { SmallTransfer } from '../../../apps/cli/src/testing/transfer.fixture.js';
import { machine, machineLine } from '../measure/machine.js';
import { showProgress } from '../measure/progress.js';

/** As audit makes them. */
const listEvery = 16_384;
const keyEvery = 5_000;
const tombstoneEvery = 20_000;
const tilesEvery = 65_536;

interface Looked {
  readonly seconds: number;
  readonly files: number;
  readonly megabytes: number;
}

/**
 * `npm run bench -- evidence`: one transfer at the beginning of a large log, its evidence and an erased entry's tombstone taken
 * over HTTP, with the log's list of what stands in clear and without it.
 */
export async function runEvidenceBench(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { entries: { type: 'string', default: '1000000' }, json: { type: 'string' } },
  });
  const entries = Number(values.entries);
  const folder = mkdtempSync(join(tmpdir(), 'kotovayla-evidence-'));
  try {
    console.log(machineLine());
    const transfer = await SmallTransfer.make();
    const { log } = transfer;
    const erased = await fill(log, entries);
    await write(log, folder);
    const files = new Counted(new LogFolder(folder));
    const served = await ServedLog.start(files);
    const checkpoint = unwrap(openCheckpoint(log.checkpoint(), unwrap(logKeyChain(log.verifierKey))));
    const asked = new LogOverHttp(`${served.gateway}/log`);
    const figures: Record<string, Looked> = {};
    const look = async (what: string, work: () => Promise<boolean>): Promise<void> => {
      figures[what] = await files.during(work);
      const { seconds, files: read, megabytes } = figures[what];
      console.log(`  ${what}: ${seconds.toFixed(2)} s, ${read} files, ${megabytes.toFixed(1)} MB`);
    };
    for (const hidden of [false, true]) {
      files.hidden = hidden;
      const how = hidden ? ', without the list' : '';
      await look(`evidence${how}`, () => madeOf(transfer, asked, checkpoint));
      await look(`tombstone of an erased entry${how}`, () => tombstoneOf(erased, asked, checkpoint));
    }
    await served.stop();
    if (values.json !== undefined)
      writeFileSync(
        values.json,
        `${JSON.stringify({ bench: 'evidence', ...machine(), entries, figures }, undefined, 2)}\n`,
      );
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function madeOf(
  { exchangeId, lines, log: { verifierKey } }: SmallTransfer,
  log: LogFiles,
  checkpoint: Checkpoint,
): Promise<boolean> {
  const { report } = await makeEvidence({
    exchangeId,
    madeBy: agencyId('A-TSV'),
    madeAt: new Date('2026-11-25T08:00:00Z'),
    language: 'fi',
    lines,
    log,
    checkpoint,
    published: checkpoint.size,
    verifierKey,
    receipts: [],
  });
  return report.ok;
}

const tombstoneOf = async (erased: number, files: LogFiles, tree: Checkpoint): Promise<boolean> =>
  (await readTombstones({ files, tree, published: tree.size }, [erased])).length === 1;

/** Up to so many entries, others' keys and tombstones among them. Gives an entry that one of these names. */
async function fill(log: SmallLog, entries: number): Promise<number> {
  const key = await generateSigningKey();
  const said = { notBefore: '2026-01-01T00:00:00Z', notAfter: '2028-01-01T00:00:00Z', iat: 1_767_225_600 };
  const others = { v: 1, agency: agencyId('T-01'), use: 'signing', jwk: key.publicJwk, ...said } as const;
  const record = await signStatement('agency-key', others, key);
  const progress = showProgress('making entries', entries);
  const listed = Math.floor(entries / listEvery) * listEvery;
  let erased = 0;
  while (log.size < entries) {
    if (log.size === listed && listed > 0) log.addClearList();
    else if (log.size % tombstoneEvery === 7) log.addTombstone((erased = log.size - 3));
    else if (log.size % keyEvery === 11) log.addRecord({ type: 'agency-key', record });
    else log.addEntry(opaqueEntry(newEventId(), randomBytes(32), randomBytes(32)));
    if (log.size % tilesEvery === 0) progress.done(log.size);
  }
  progress.end();
  return erased;
}

async function write(log: SmallLog, path: string): Promise<void> {
  const folder = new LogFolder(path);
  const tree = new TileBuilder();
  const tiles = async (built: ReturnType<TileBuilder['takeFull']>): Promise<void> => {
    for (const { level, n, hashes } of built) await folder.write(tilePath(level, n, hashes.length), encodeTile(hashes));
  };
  for (let n = 0; n * tileWidth < log.size; n += 1) {
    const bundle = log.entries.slice(n * tileWidth, (n + 1) * tileWidth);
    await folder.write(entryBundlePath(n, bundle.length), encodeEntryBundle(bundle));
    for (const entry of bundle) tree.append(leafHash(entry));
    await tiles(tree.takeFull());
  }
  await tiles(tree.partial());
  if (log.clearList !== undefined) await folder.write(clearListFile, log.clearList);
}

/** What is read of a log, and whether its list is there. */
class Counted implements LogFiles {
  hidden = false;
  private files = 0;
  private bytes = 0;

  constructor(private readonly of: LogFiles) {}

  async read(path: string): Promise<Buffer | undefined> {
    const content = this.hidden && path === clearListFile ? undefined : await this.of.read(path);
    this.files += 1;
    this.bytes += content?.length ?? 0;
    return content;
  }

  /** @throws Error where what was looked for was not found */
  async during(work: () => Promise<boolean>): Promise<Looked> {
    [this.files, this.bytes] = [0, 0];
    const begun = performance.now();
    if (!(await work())) throw new Error('what was looked for was not found');
    const seconds = (performance.now() - begun) / 1_000;
    return { seconds, files: this.files, megabytes: this.bytes / 1_048_576 };
  }
}
