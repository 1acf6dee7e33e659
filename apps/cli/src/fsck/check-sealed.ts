import { readFile } from 'node:fs/promises';
import { KeyEncryptionKey, decodeEntry, openSealedEntry, unwrapSecrets } from '#envelope';
import { AppError } from '#kernel';
import { type LogFault, faultOf } from '../domain/log-fault.js';
import type { LogInDatabase, SealedRow } from '../infra/log-in-database.js';

/** Entries of the database whose sealed bodies are opened. */
export interface SealedRange {
  readonly first: number;
  readonly end: number;
  /** Files with the key-encryption keys, as JWK. */
  readonly keks: readonly string[];
}

export interface CheckedSealed {
  readonly opened: number;
  readonly faults: readonly LogFault[];
}

/** Rows that are fetched and opened at once. */
const together = 2_048;

/**
 * Opens each sealed body and recomputes its leaf, so that a body that was changed, or put in another's place, is named by its
 * entry. A body without a secret was erased, and says nothing.
 */
export async function checkSealed(database: LogInDatabase, { first, end, keks }: SealedRange): Promise<CheckedSealed> {
  const keys = new Map((await Promise.all(keks.map(readKek))).map((kek) => [kek.id, kek]));
  const faults: LogFault[] = [];
  let opened = 0;
  const fetch = (from: number): Promise<SealedRow[]> => database.sealed(from, Math.min(end, from + together));
  let next = fetch(first);
  for (let from = first; from < end; from += together) {
    const rows = await next;
    // The database reads while the rows before are opened.
    if (from + together < end) next = fetch(from + together);
    const secrets = unwrapSecrets(rows, keys.values());
    for (const [at, row] of rows.entries()) {
      const wrong = keys.has(row.kek)
        ? whatIsWrong(row, secrets[at])
        : ({
            kind: 'body-unreadable',
            detail: `Its secret is wrapped under the key ${row.kek}, which is not given.`,
          } as const);
      if (wrong === undefined) opened += 1;
      else faults.push(faultOf(wrong.kind, wrong.detail, { index: row.index }));
    }
  }
  return { opened, faults };
}

/** @throws AppError CONFIG_INVALID */
export async function readKek(path: string): Promise<KeyEncryptionKey> {
  const jwk = await readFile(path, 'utf8')
    .then((text): unknown => JSON.parse(text))
    .catch(() => undefined);
  const kek = KeyEncryptionKey.fromJwk(jwk);
  if (!kek) throw new AppError('CONFIG_INVALID', '--kek names no file with an A256KW key');
  return kek;
}

interface Wrong {
  readonly kind: 'body-changed';
  readonly detail: string;
}

const changed = (detail: string): Wrong => ({ kind: 'body-changed', detail });

function whatIsWrong({ entry, body }: SealedRow, secret: Buffer | undefined): Wrong | undefined {
  if (!secret) return changed('Its secret does not unwrap.');
  const opened = openSealedEntry(body, secret);
  if (!opened.ok) return changed('The sealed body does not open.');
  const leaf = decodeEntry(entry);
  if (!leaf.ok || leaf.value.kind !== 'opaque') return changed('This entry has no sealed body.');
  const { eventId, commitment } = leaf.value;
  return opened.value.commitment.equals(commitment) && opened.value.body.eventId === eventId
    ? undefined
    : changed('The leaf commits to another body.');
}
