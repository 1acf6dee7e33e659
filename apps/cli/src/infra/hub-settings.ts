import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../domain/command-outcome.js';

/** What a command may have to know of the hub, each by its own flag. */
export interface HubFlags {
  readonly directory?: string;
  readonly exchange?: string;
  readonly consent?: string;
  readonly audit?: string;
  readonly gateway?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly verifierKey?: string;
}

/** For each setting its flag, its environment variable and its place in the file that the embedded stack writes. */
const sources = {
  directory: ['--directory', 'KOTOVAYLA_DIRECTORY', ['directoryGrpc']],
  exchange: ['--exchange', 'KOTOVAYLA_EXCHANGE', ['exchangeGrpc']],
  consent: ['--consent', 'KOTOVAYLA_CONSENT', ['peers', 'CONSENT_GRPC']],
  audit: ['--audit', 'KOTOVAYLA_AUDIT', ['peers', 'AUDIT_GRPC']],
  gateway: ['--gateway', 'GATEWAY_URL', ['pins', 'GATEWAY_URL']],
  issuer: ['--issuer', 'IDENTITY_ISSUER', ['pins', 'IDENTITY_ISSUER']],
  audience: ['--audience', 'AUDIENCE', ['pins', 'AUDIENCE']],
  verifierKey: ['--verifier-key', 'LOG_VERIFIER_KEY', ['pins', 'LOG_VERIFIER_KEY']],
} as const satisfies Record<keyof HubFlags, readonly [string, string, readonly string[]]>;

/** Where the hub is and which keys are pinned: by flag, by environment, or from the embedded stack of this clone. */
export class HubSettings {
  constructor(
    private readonly flags: HubFlags,
    private readonly env: NodeJS.ProcessEnv,
    private readonly hubFile: string | undefined = env['KOTOVAYLA_HUB'] ?? hubFileOfClone(),
  ) {}

  /** Throws UsageError when it stands nowhere. */
  async get(name: keyof HubFlags): Promise<string> {
    const [flag, variable] = sources[name];
    const value = await this.find(name);
    if (value === undefined)
      throw new UsageError(`${flag} or ${variable} is needed: no embedded stack was started here.`);
    return value;
  }

  /** By flag or environment only. */
  given(name: keyof HubFlags): string | undefined {
    return this.flags[name] ?? (this.env[sources[name][1]] || undefined);
  }

  async find(name: keyof HubFlags): Promise<string | undefined> {
    return this.given(name) ?? textAt(await this.embedded(), sources[name][2]);
  }

  private async embedded(): Promise<unknown> {
    if (this.hubFile === undefined) return undefined;
    const text = await readFile(this.hubFile, 'utf8').catch(() => undefined);
    return text === undefined ? undefined : JSON.parse(text);
  }
}

function textAt(value: unknown, path: readonly string[]): string | undefined {
  const found = path.reduce<unknown>(
    (at, name) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined),
    value,
  );
  return typeof found === 'string' ? found : undefined;
}

/** The data folder of the clone that this file belongs to; undefined outside one. */
function hubFileOfClone(folder: string = dirname(fileURLToPath(import.meta.url))): string | undefined {
  if (existsSync(join(folder, 'package-lock.json'))) return join(folder, '.kotovayla', 'hub.json');
  return dirname(folder) === folder ? undefined : hubFileOfClone(dirname(folder));
}
