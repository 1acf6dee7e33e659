import { chmod, link, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JWK } from 'jose';
import {
  type HubKeyRecord,
  type PublicJwk,
  type ReceivingKey,
  exportPrivateJwk,
  generateReceivingKey,
  importReceivingKey,
} from '#envelope';
import { AppError, type Clock, type Result, type Thumbprint, err, numericDate, ok } from '#kernel';
import { shredFile } from './shred-file.js';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Senders may still seal to a month's key for a day after the month. */
const OVERLAP_MS = DAY_MS;
/** End of the name of a file whose key is being destroyed. */
const condemned = '.destroyed';

interface KeyFile {
  readonly kid: Thumbprint;
  readonly useFrom: string;
  readonly useUntil: string;
  readonly destroyAfter: string;
  readonly jwk: PublicJwk;
  /** Absent once the key is destroyed. */
  readonly privateJwk?: JWK;
}

export interface ReleaseKey {
  readonly key: ReceivingKey;
  readonly destroyAfter: Date;
}

/**
 * The monthly keys to which capsules are sealed, one file each (mode 0600), made ahead: this month's and the next one's.
 * Destroying one makes the unopened messages of its month unreadable for good, so what is kept of it is its public half.
 */
export class ReleaseKeyring {
  private readonly keys = new Map<Thumbprint, ReleaseKey | 'destroyed'>();
  private files: KeyFile[] = [];

  constructor(
    private readonly folder: string,
    private readonly clock: Clock,
    /** How long after its use a key still opens capsules: a message's `exp` never lies beyond. */
    private readonly retentionDays: number,
  ) {}

  /** Makes the keys that are missing and destroys those whose time is over. Returns the thumbprints of the destroyed. */
  async refresh(): Promise<Thumbprint[]> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const now = this.clock.now();
    const files: KeyFile[] = [];
    for (const month of [monthOf(now, 0), monthOf(now, 1)]) await this.makeUnlessThere(month);
    const destroyed: Thumbprint[] = [];
    const names = (await readdir(this.folder)).sort();
    for (const name of names.filter((file) => file.endsWith(condemned))) await shredFile(join(this.folder, name));
    for (const name of names.filter((file) => file.endsWith('.json'))) {
      let file = await this.read(name);
      if (file.privateJwk && Date.parse(file.destroyAfter) <= now.getTime()) file = await this.destroy(name, file);
      if (!file.privateJwk) destroyed.push(file.kid);
      files.push(file);
      await this.remember(file);
    }
    this.files = files;
    return destroyed;
  }

  /** Errors: RELEASE_KEY_UNKNOWN, RELEASE_KEY_DESTROYED. */
  find(kid: Thumbprint): Result<ReleaseKey> {
    const known = this.keys.get(kid);
    if (known === undefined) return err(new AppError('RELEASE_KEY_UNKNOWN'));
    if (known === 'destroyed' || known.destroyAfter <= this.clock.now())
      return err(new AppError('RELEASE_KEY_DESTROYED'));
    return ok(known);
  }

  /** What is to be said in clear about each key that still opens something. */
  records(): HubKeyRecord[] {
    return this.files
      .filter(({ privateJwk }) => privateJwk !== undefined)
      .map(({ jwk, useFrom, useUntil, destroyAfter }) => ({
        service: 'audit',
        use: 'release',
        jwk,
        useFrom,
        useUntil,
        destroyAfter,
        iat: numericDate(this.clock.now()),
      }));
  }

  private async makeUnlessThere({ name, from, until }: Month): Promise<void> {
    const path = join(this.folder, `${name}.json`);
    const there = await readFile(path).then(
      () => true,
      () => false,
    );
    if (there) return;
    const key = await generateReceivingKey('X25519');
    const useUntil = new Date(until.getTime() + OVERLAP_MS);
    await this.write(path, {
      kid: key.kid,
      useFrom: from.toISOString(),
      useUntil: useUntil.toISOString(),
      destroyAfter: new Date(useUntil.getTime() + this.retentionDays * DAY_MS).toISOString(),
      jwk: key.publicJwk,
      privateJwk: exportPrivateJwk(key),
    });
  }

  private async read(name: string): Promise<KeyFile> {
    return JSON.parse(await readFile(join(this.folder, name), 'utf8')) as KeyFile;
  }

  /** The public half takes the file's name before the old bytes are written over, so a crash leaves nothing half-read. */
  private async destroy(name: string, file: KeyFile): Promise<KeyFile> {
    const path = join(this.folder, name);
    const { kid, useFrom, useUntil, destroyAfter, jwk } = file;
    const rest: KeyFile = { kid, useFrom, useUntil, destroyAfter, jwk };
    await link(path, `${path}${condemned}`);
    await this.write(path, rest);
    await shredFile(`${path}${condemned}`);
    return rest;
  }

  private async write(path: string, file: KeyFile): Promise<void> {
    const fresh = `${path}.new`;
    await writeFile(fresh, JSON.stringify(file), { mode: 0o600, flush: true });
    await chmod(fresh, 0o600);
    await rename(fresh, path);
  }

  private async remember({ kid, privateJwk, destroyAfter }: KeyFile): Promise<void> {
    if (!privateJwk) this.keys.set(kid, 'destroyed');
    else if (!this.keys.has(kid))
      this.keys.set(kid, { key: await importReceivingKey(privateJwk), destroyAfter: new Date(destroyAfter) });
  }
}

interface Month {
  readonly name: string;
  readonly from: Date;
  readonly until: Date;
}

/** The calendar month in UTC that lies so many months after this one. */
function monthOf(now: Date, ahead: number): Month {
  const from = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1));
  const until = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead + 1, 1));
  return { name: from.toISOString().slice(0, 7), from, until };
}
