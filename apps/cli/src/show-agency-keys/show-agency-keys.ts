import type { AgencyKey } from '#contracts';
import { AppError } from '#kernel';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { readSnapshot } from '../infra/operator-calls.js';
import { tableLines } from '../infra/table.js';

/** An agency's logged keys, past and revoked ones included, with the entry that proves each. Errors: NOT_FOUND. */
export async function showAgencyKeys(directory: string, agency: string, now: Date): Promise<CommandOutcome> {
  const snapshot = await readSnapshot(directory);
  if (!snapshot.agencies.some(({ id }) => id === agency))
    throw new AppError('NOT_FOUND', `There is no agency ${agency}.`);
  const keys = snapshot.keys
    .filter((key) => key.agency === agency)
    .sort((a, b) => Number(a.leafIndex - b.leafIndex))
    .map((key) => ({
      use: key.use,
      thumbprint: key.kid,
      notBefore: key.notBefore?.toISOString(),
      notAfter: key.notAfter?.toISOString(),
      state: stateOf(key, now),
      leafIndex: Number(key.leafIndex),
    }));
  const rows = keys.map(({ use, thumbprint, notBefore, notAfter, state, leafIndex }) => [
    use,
    thumbprint,
    `${day(notBefore)} to ${day(notAfter)}`,
    state,
    String(leafIndex),
  ]);
  return {
    ok: true,
    data: { agency, keys },
    lines: tableLines(['use', 'thumbprint', 'valid', 'state', 'log index'], rows),
  };
}

function stateOf({ notBefore, notAfter, revokedAt }: AgencyKey, now: Date): string {
  if (revokedAt !== undefined && revokedAt <= now) return 'revoked';
  if (notBefore !== undefined && now < notBefore) return 'not yet valid';
  return notAfter !== undefined && now < notAfter ? 'valid' : 'past';
}

const day = (instant: string | undefined): string => instant?.slice(0, 10) ?? '';
