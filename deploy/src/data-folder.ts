import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

const logRotatedAtBytes = 20 * 1024 * 1024;

/** Everything that one stack keeps: databases, the broker's log, ports, passwords, logs. Mode 0700. */
export class DataFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
    mkdirSync(this.logs, { recursive: true });
    chmodSync(this.path, 0o700);
  }

  get logs(): string {
    return join(this.path, 'logs');
  }

  within(...names: string[]): string {
    return join(this.path, ...names);
  }

  logFileOf(name: string): string {
    return join(this.logs, `${name}.log`);
  }

  /** Hands over a descriptor that appends to `logs/<name>.log`; one older file is kept beside it. */
  logging<T>(name: string, use: (log: number) => T): T {
    const file = this.logFileOf(name);
    if (existsSync(file) && statSync(file).size > logRotatedAtBytes) renameSync(file, `${file}.1`);
    const log = openSync(file, 'a', 0o600);
    try {
      return use(log);
    } finally {
      // A child has its own copy from the moment it is spawned.
      closeSync(log);
    }
  }

  readJson(name: string): unknown {
    const file = this.within(name);
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as unknown) : undefined;
  }

  /** Replaces the file as a whole, so that a kill leaves the old or the new one. Mode 0600. */
  writeJson(name: string, value: unknown): void {
    const file = this.within(name);
    const beside = `${file}.${process.pid}`;
    writeFileSync(beside, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
    renameSync(beside, file);
  }

  /** The secret of this name: 256 random bits as hex, drawn at its first use and kept in `secrets.json` (0600). */
  secret(name: string): string {
    const secrets = (this.readJson('secrets.json') ?? {}) as Record<string, string>;
    const known = secrets[name];
    if (known !== undefined) return known;
    const drawn = randomBytes(32).toString('hex');
    this.writeJson('secrets.json', { ...secrets, [name]: drawn });
    return drawn;
  }
}
