import type { CommandOutcome } from '../domain/command-outcome.js';
import { readSnapshot } from '../infra/operator-calls.js';
import { tableLines } from '../infra/table.js';

/** Every registered agency with its state. */
export async function listAgencies(directory: string): Promise<CommandOutcome> {
  const { agencies, keys, version } = await readSnapshot(directory);
  const listed = [...agencies]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, kind, businessId, nameFi, nameSv, status }) => {
      const loggedKeys = keys.filter((key) => key.agency === id && key.revokedAt === undefined).length;
      return { id, kind, businessId, nameFi, nameSv, status, loggedKeys };
    });
  const rows = listed.map(({ id, businessId, nameFi, nameSv, status, loggedKeys }) => [
    id,
    businessId,
    nameFi === nameSv ? nameFi : `${nameFi} / ${nameSv}`,
    status,
    String(loggedKeys),
  ]);
  return {
    ok: true,
    data: { version: Number(version), agencies: listed },
    lines: tableLines(['agency', 'business id', 'name', 'status', 'keys'], rows),
  };
}
