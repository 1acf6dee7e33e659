import { readFile } from 'node:fs/promises';
import { KeyEncryptionKey, decodeEntry, openSealedEntry } from '#envelope';
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

/**
 * Opens each sealed body and recomputes its leaf, so that a body that was changed, or put in another's place, is named by its
 * entry. A body without a secret was erased, and says nothing.
 */
export async function checkSealed(database: LogInDatabase, { first, end, keks }: SealedRange): Promise<CheckedSealed> {
  const keys = new Map((await Promise.all(keks.map(readKek))).map((kek) => [kek.id, kek]));
  const faults: LogFault[] = [];
  let opened = 0;
  for (const row of await database.sealed(first, end)) {
    const wrong = whatIsWrong(row, keys);
    if (wrong === undefined) opened += 1;
    else faults.push(faultOf(wrong.kind, wrong.detail, { index: row.index }));
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

function whatIsWrong(
  { entry, body, wrapped, kek }: SealedRow,
  keys: ReadonlyMap<string, KeyEncryptionKey>,
): { readonly kind: 'body-changed' | 'body-unreadable'; readonly detail: string } | undefined {
  const key = keys.get(kek);
  if (!key)
    return { kind: 'body-unreadable', detail: `Its secret is wrapped under the key ${kek}, which is not given.` };
  const secret = key.unwrap(wrapped);
  if (!secret.ok) return { kind: 'body-changed', detail: 'Its secret does not unwrap.' };
  const opened = openSealedEntry(body, secret.value);
  if (!opened.ok) return { kind: 'body-changed', detail: 'The sealed body does not open.' };
  const leaf = decodeEntry(entry);
  if (!leaf.ok || leaf.value.kind !== 'opaque')
    return { kind: 'body-changed', detail: 'This entry has no sealed body.' };
  const { eventId, commitment } = leaf.value;
  return opened.value.commitment.equals(commitment) && opened.value.body.eventId === eventId
    ? undefined
    : { kind: 'body-changed', detail: 'The leaf commits to another body.' };
}
