import { unwrap } from '#kernel';
import { parseVerifierKey } from '#merkle';
import type { CommandOutcome } from '../domain/command-outcome.js';

/** The pinned verifier key (C2SP signed-note), to be given to auditors and witnesses by another way than this network. */
export function showLogKey(verifierKey: string): CommandOutcome {
  const { name, keyId } = unwrap(parseVerifierKey(verifierKey));
  return { ok: true, data: { verifierKey, origin: name, keyId: keyId.toString('hex') }, lines: [verifierKey] };
}
