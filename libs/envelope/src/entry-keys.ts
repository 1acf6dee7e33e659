import { randomBytes } from 'node:crypto';
import { HkdfInfo, extract } from './hkdf.js';
import type { HmacKey } from './hmac.js';

export const keyBytes = 32;

/** Per-entry secret. Random, not derived: what derives from a master cannot be shredded. */
export const newEntrySecret = (): Buffer => randomBytes(keyBytes);

/** HKDF-Extract of an entry's secret, from which its keys come (RFC 5869). Throws TypeError unless it has 32 bytes. */
export function extracted(secret: Uint8Array): HmacKey {
  if (secret.length !== keyBytes) throw new TypeError('an entry secret has 32 bytes');
  return extract(secret);
}

const commitmentInfo = new HkdfInfo('kotovayla-log-commitment-v1');
const sealingInfo = new HkdfInfo('kotovayla-log-sealing-v1');
const evidenceInfo = new HkdfInfo('kotovayla-log-evidence-v1');

export const commitmentKeyFrom = (from: HmacKey): Buffer => commitmentInfo.expand(from, 1);
export const sealingKeyFrom = (from: HmacKey): Buffer => sealingInfo.expand(from, 1);

/** Key under which the leaf commits to the body. */
export const commitmentKeyOf = (secret: Buffer): Buffer => commitmentKeyFrom(extracted(secret));

/** Key under which the body is stored. */
export const sealingKeyOf = (secret: Buffer): Buffer => sealingKeyFrom(extracted(secret));

/** Key under which the signed statements that the body names by their hashes are stored. */
export const evidenceKeyOf = (secret: Buffer): Buffer => evidenceInfo.expand(extracted(secret), 1);
