import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '#kernel';
import type { Checkpoint, TreeHead } from '#merkle';
import type { WitnessStore } from '../infra/witness-store.js';

type Head = Pick<Checkpoint, keyof TreeHead | 'note'>;

/**
 * What this witness cosigned last, in a file outside the database and its backups: a database restored from a backup has
 * forgotten what was cosigned since, and would cosign another branch from there. The file knows, and the database is brought up
 * to it before anything is cosigned. Without the file nothing is: who has lost it makes a new witness, under a new name.
 */
export class WitnessHead {
  private reconciled: Promise<void> | undefined;
  private written: Promise<void> = Promise.resolve();
  private size = -1;

  /** @param mustExist whether a file was made with the key */
  constructor(
    private readonly path: string,
    private readonly store: WitnessStore,
    private readonly mustExist: boolean,
  ) {}

  /** Makes the file of a new key, which has cosigned nothing. */
  static async found(path: string): Promise<void> {
    await replaceDurably(path, 'null');
  }

  /** Database and file say the same from here on. @throws AppError UNAVAILABLE when it is not known what was cosigned last */
  reconcile(origin: string): Promise<void> {
    this.reconciled ??= this.compare(origin).catch((error: unknown) => {
      this.reconciled = undefined;
      throw error;
    });
    return this.reconciled;
  }

  /** Durable when it resolves; before the cosignature is given. A smaller head that comes late changes nothing. */
  keep({ origin, size, root, note }: Head): Promise<void> {
    const content = JSON.stringify({ origin, size, root: root.toString('base64'), note });
    const done = this.written.then(async () => {
      if (size <= this.size) return;
      await replaceDurably(this.path, content);
      this.size = size;
    });
    this.written = done.catch(() => undefined);
    return done;
  }

  private async compare(origin: string): Promise<void> {
    const [kept, stored] = await Promise.all([this.read(), this.store.latest(origin)]);
    if (kept === undefined && this.mustExist) throw unknown('the file with the head that was cosigned last is missing');
    if (kept && kept.origin !== origin) throw unknown('the file holds the head of another log');
    this.size = kept?.size ?? -1;
    const ahead = (stored?.size ?? -1) - this.size;
    if (kept && stored && ahead === 0 && !stored.root.equals(kept.root))
      throw unknown('file and database hold two roots of one size');
    if (kept && ahead < 0) await this.store.takeUp(kept);
    // The process ended between the two: nothing was answered.
    else if (stored && ahead > 0) await this.keep({ origin, ...stored });
  }

  /** Undefined where there is none; null where nothing was cosigned yet. */
  private async read(): Promise<Head | null | undefined> {
    const text = await readFile(this.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw unknown('the file with the head that was cosigned last is no JSON');
    }
    if (value === null) return null;
    const { origin, size, root, note } = value as Record<string, unknown>;
    const hash = typeof root === 'string' ? Buffer.from(root, 'base64') : Buffer.alloc(0);
    if (typeof origin !== 'string' || typeof note !== 'string' || !Number.isSafeInteger(size) || hash.length !== 32)
      throw unknown('the file with the head that was cosigned last is malformed');
    return { origin, size: size as number, root: hash, note };
  }
}

const unknown = (detail: string): AppError => new AppError('UNAVAILABLE', detail);

async function replaceDurably(path: string, content: string): Promise<void> {
  const fresh = `${path}.new`;
  const file = await open(fresh, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
