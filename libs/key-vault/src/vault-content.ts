import type { JWK } from 'jose';
import {
  type PseudonymKey,
  type ReceivingKey,
  type SigningKey,
  exportPrivateJwk,
  importReceivingKey,
  importSigningKey,
} from '#envelope';

/** Purposes of asymmetric keys: one key, one use. */
export const keyPairPurposes = [
  'signing',
  'receiving',
  'recovery',
  'client-auth',
  'witness',
  'auditor-signing',
  'auditor-auth',
] as const;
export type KeyPairPurpose = (typeof keyPairPurposes)[number];
export type KeyPurpose = KeyPairPurpose | 'pseudonym';

/** Public facts about a key, for the operator: never a secret. */
export type KeyMeta = Readonly<Record<string, string | number | boolean>>;

interface Held {
  readonly meta: KeyMeta;
  /** Instant at which it was put here. */
  readonly addedAt: string;
}
export type HeldKey = Held &
  (
    | { readonly purpose: 'receiving'; readonly key: ReceivingKey }
    | { readonly purpose: Exclude<KeyPairPurpose, 'receiving'>; readonly key: SigningKey }
  );
export type HeldPseudonymKey = Held & PseudonymKey;

/** All that a vault holds, in the order in which it was put there. */
export interface VaultContent {
  readonly keys: readonly HeldKey[];
  readonly pseudonymKeys: readonly HeldPseudonymKey[];
}

interface StoredContent {
  readonly keys: readonly (Held & { readonly purpose: KeyPairPurpose; readonly jwk: JWK })[];
  readonly pseudonymKeys: readonly (Held & { readonly version: number; readonly key: string })[];
}

export const storedForm = ({ keys, pseudonymKeys }: VaultContent): StoredContent => ({
  keys: keys.map(({ purpose, key, meta, addedAt }) => ({ purpose, meta, addedAt, jwk: exportPrivateJwk(key) })),
  pseudonymKeys: pseudonymKeys.map(({ version, key, meta, addedAt }) => ({
    version,
    meta,
    addedAt,
    key: key.toString('base64url'),
  })),
});

/** The content was authenticated, so it is what `storedForm` made. Throws TypeError on what no version of it made. */
export async function contentOf(stored: unknown): Promise<VaultContent> {
  const { keys, pseudonymKeys } = stored as StoredContent;
  return {
    keys: await Promise.all(keys.map(heldKey)),
    pseudonymKeys: pseudonymKeys.map((held) => ({ ...held, key: Buffer.from(held.key, 'base64url') })),
  };
}

async function heldKey({ purpose, jwk, meta, addedAt }: StoredContent['keys'][number]): Promise<HeldKey> {
  return purpose === 'receiving'
    ? { purpose, meta, addedAt, key: await importReceivingKey(jwk) }
    : { purpose, meta, addedAt, key: await importSigningKey(jwk) };
}
