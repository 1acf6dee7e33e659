import { hash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';
import type { Sha256 } from './ids.js';

// The package is CommonJS: under nodenext its default import is the module object's default.
const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined;

/** SHA-256 in base64url. Text is hashed as UTF-8. */
export const sha256 = (data: string | Uint8Array): Sha256 => hash('sha256', data, 'base64url') as Sha256;

/** Canonical JSON (RFC 8785). Throws on what JSON cannot carry. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('value has no JSON form');
  return text;
}
