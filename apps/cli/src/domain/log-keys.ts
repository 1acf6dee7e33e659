import {
  type ClearRecord,
  type LogKeyChain,
  LoggedKeys,
  followLogKeys,
  logKeyChain,
  logKeysFile,
  parseLogKeyLinks,
  readStatement,
} from '#envelope';
import { type AppError, unwrap } from '#kernel';
import { openCheckpoint } from '#merkle';
import { type LogFault, faultOf } from './log-fault.js';

export interface TrustedKeys {
  /** All keys to which the trusted one leads; where the links are broken, that one alone. */
  readonly keys: LogKeyChain;
  readonly problem?: AppError;
}

/**
 * The keys of a log for who knows one of them, by the links that lie beside the log. Throws CHECKPOINT_INVALID when that is no
 * verifier key.
 */
export async function trustedKeys(verifierKey: string, links: Uint8Array | undefined): Promise<TrustedKeys> {
  const alone = unwrap(logKeyChain(verifierKey));
  if (links === undefined) return { keys: alone };
  const parsed = parseLogKeyLinks(Buffer.from(links).toString('utf8'));
  const followed = parsed.ok ? await followLogKeys(verifierKey, parsed.value) : parsed;
  return followed.ok ? { keys: followed.value } : { keys: alone, problem: followed.error };
}

/** Name and id of a verifier key, by which people compare it. */
export const keyIdIn = (verifierKey: string): string => verifierKey.split('+').slice(0, 2).join('+');

/** An entry in clear about a key of the hub. */
export interface KeyEntry {
  readonly index: number;
  readonly token: string;
}

/** The entry's statement, where it is about a key of the log. */
export function keyEntryOf(index: number, record: ClearRecord): KeyEntry[] {
  const statement = record.type === 'hub-key' ? readStatement('hub-key', record.record) : undefined;
  const isLogKey =
    statement?.ok && statement.value.payload.service === 'audit' && statement.value.payload.use === 'log';
  return record.type === 'hub-key' && isLogKey ? [{ index, token: record.record }] : [];
}

/**
 * Does the log itself say of its keys what lies beside it, and is its newest checkpoint signed by one that counts? The entries
 * were recomputed before, so that none of them is missing.
 */
export async function checkLogKeys(
  entries: readonly KeyEntry[],
  shown: {
    readonly verifierKey: string;
    readonly trusted: TrustedKeys;
    readonly note: string;
    readonly size: number;
  },
): Promise<LogFault[]> {
  const { verifierKey, trusted, note, size } = shown;
  const place = { path: logKeysFile };
  const faults: LogFault[] = trusted.problem ? [faultOf('log-keys-changed', trusted.problem.detail, place)] : [];
  const known = new LoggedKeys();
  for (const { index, token } of entries) {
    const applied = await known.apply({ type: 'hub-key', record: token }, index);
    if (!applied.ok) faults.push(faultOf('log-key-untrusted', applied.error.detail, { index }));
  }
  const said = unwrap(logKeyChain(verifierKey, known.logKeys()));
  const opened = openCheckpoint(note, said);
  if (!opened.ok) {
    const detail = 'By what the entries say of the log’s keys, none that counts at this size has signed it.';
    faults.push(faultOf('checkpoint-invalid', detail, { path: 'checkpoint' }));
  }
  const inFile = trusted.keys.keys.filter(({ logged }) => logged !== undefined && logged.leafIndex < size);
  if (inFile.length === 0) return faults;
  for (const key of [...said.keys, ...inFile]) {
    const [one, other] = [said, trusted.keys].map(({ keys }) =>
      keys.find(({ verifierKey: name }) => name === key.verifierKey),
    );
    const until = other && other.until >= size ? Number.MAX_SAFE_INTEGER : other?.until;
    if (one?.from === other?.from && one?.until === until) continue;
    const detail = 'What lies beside the log says something else of this key than the entries.';
    faults.push(faultOf('log-keys-changed', detail, { ...place, ...(key.logged && { index: key.logged.leafIndex }) }));
    break;
  }
  return faults;
}
