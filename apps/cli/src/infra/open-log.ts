import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { logKeysFile } from '#envelope';
import { AppError, unwrap } from '#kernel';
import { type Checkpoint, type LogVerifier, openCheckpoint } from '#merkle';
import { UsageError } from '../domain/command-outcome.js';
import { type LogFiles, checkpointFile, verifierKeyFile } from '../domain/log-files.js';
import { type TrustedKeys, trustedKeys } from '../domain/log-keys.js';
import type { HubSettings } from './hub-settings.js';
import { LogFolder } from './log-folder.js';
import { LogInDatabase } from './log-in-database.js';
import { LogOverHttp } from './log-over-http.js';
import { withSlash } from './public-hub.js';

export interface OpenedLog {
  readonly files: LogFiles;
  /** Absolute path or URL, by which another thread opens the same files. */
  readonly address: string;
  readonly verifierKey: string;
  /** The log's keys, as `verifierKey` leads to them. */
  readonly verifier: LogVerifier;
  readonly trusted: TrustedKeys;
  /** Where the key comes from: a key that lay beside the log proves nothing until it is compared. */
  readonly keyFrom: 'given' | 'folder';
  /** As the command named it. */
  readonly where: string;
  close(): Promise<void>;
}

/**
 * The log that a command names: an http(s) or postgres URL, the word `database` for the one in DATABASE_URL, or a folder;
 * unnamed it is the one of the gateway. The key is the one given or pinned, for a folder else the one in it.
 */
export async function openLog(
  named: string | undefined,
  { hub, env, folder }: { readonly hub: HubSettings; readonly env: NodeJS.ProcessEnv; readonly folder: string },
): Promise<OpenedLog> {
  const where = named ?? new URL('log', withSlash(await hub.get('gateway'))).href;
  const address = addressOf(where, env, folder);
  const files = logFilesAt(address);
  const keyOfFolder = files instanceof LogFolder ? (await files.readText(verifierKeyFile))?.trim() : undefined;
  const given = hub.given('verifierKey') ?? (keyOfFolder === undefined ? await hub.get('verifierKey') : undefined);
  const verifierKey = given ?? keyOfFolder ?? '';
  const trusted = await trustedKeys(verifierKey, await files.read(logKeysFile));
  return {
    files,
    address,
    verifierKey,
    verifier: trusted.keys,
    trusted,
    keyFrom: given === undefined ? 'folder' : 'given',
    where: files instanceof LogInDatabase ? 'the database' : where,
    close: async () => (files instanceof LogInDatabase ? files.close() : undefined),
  };
}

/** @param address absolute path, or http(s) or postgres URL */
export function logFilesAt(address: string): LogFiles {
  if (/^https?:\/\//.test(address)) return new LogOverHttp(address);
  return isDatabase(address) ? new LogInDatabase(address) : new LogFolder(address);
}

const isDatabase = (address: string): boolean => /^postgres(ql)?:\/\//.test(address);

function addressOf(where: string, env: NodeJS.ProcessEnv, folder: string): string {
  if (/^https?:\/\//.test(where) || isDatabase(where)) return where;
  if (where === 'database') {
    const url = env['DATABASE_URL'];
    if (!url) throw new UsageError('DATABASE_URL is needed.');
    return url;
  }
  const path = resolve(folder, where);
  if (!existsSync(path)) throw new UsageError(`${where} is no folder, URL or \`database\`.`);
  return path;
}

/** Errors: NOT_FOUND where there is none, CHECKPOINT_INVALID. */
export async function readCheckpoint(files: LogFiles, verifier: LogVerifier): Promise<Checkpoint> {
  const note = await files.read(checkpointFile);
  if (!note) throw new AppError('NOT_FOUND', 'There is no checkpoint.');
  return unwrap(openCheckpoint(note.toString('utf8'), verifier));
}
