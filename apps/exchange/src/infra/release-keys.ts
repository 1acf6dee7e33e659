import type { AuditServiceClient } from '#contracts';
import { decodeEntry, readStatement, thumbprintOf } from '#envelope';
import type { Thumbprint } from '#kernel';
import type { Database, GrpcClient } from '#platform';

/** When capsules may be sealed to a release key, and until when they can be opened. */
export interface ReleaseKey {
  readonly kid: Thumbprint;
  readonly useFrom: Date;
  readonly useUntil: Date;
  readonly destroyAfter: Date;
}

interface ReleaseKeySql {
  readonly kid: Thumbprint;
  readonly use_from: Date;
  readonly use_until: Date;
  readonly destroy_after: Date;
}

const PAGE = 1_024n;

/**
 * Audit's release keys, taken from the clear leaves of the log like the agencies do. How far the log was read is kept, so
 * that a restart does not begin at its first entry.
 */
export class ReleaseKeys {
  private readonly keys = new Map<Thumbprint, ReleaseKey>();
  private reading: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly audit: GrpcClient<AuditServiceClient>,
  ) {}

  /** @throws AppError UNAVAILABLE, TIMEOUT when the key is not known here and audit cannot be asked */
  async find(kid: Thumbprint): Promise<ReleaseKey | undefined> {
    if (!this.keys.has(kid)) await (this.reading ??= this.read().finally(() => (this.reading = undefined)));
    return this.keys.get(kid);
  }

  private async read(): Promise<void> {
    const { rows } = await this.database.query<{ next: string }>({
      name: 'exchange.log-position',
      text: 'SELECT next FROM exchange.log_position',
    });
    let next = BigInt(rows[0]?.next ?? 0);
    for (;;) {
      const { entries } = await this.audit.getEntries({ from: next, to: next + PAGE });
      const found = (await Promise.all(entries.map((entry) => releaseKeyOf(entry)))).filter((key) => key !== undefined);
      next += BigInt(entries.length);
      await this.keep(found, next);
      if (entries.length === 0) break;
    }
    const kept = await this.database.query<ReleaseKeySql>({
      name: 'exchange.release-keys',
      text: 'SELECT kid, use_from, use_until, destroy_after FROM exchange.release_keys',
    });
    for (const { kid, use_from, use_until, destroy_after } of kept.rows)
      this.keys.set(kid, { kid, useFrom: use_from, useUntil: use_until, destroyAfter: destroy_after });
  }

  private async keep(found: readonly ReleaseKey[], next: bigint): Promise<void> {
    await this.database.query({
      name: 'exchange.keep-release-keys',
      text: `WITH kept AS (
               INSERT INTO exchange.release_keys (kid, use_from, use_until, destroy_after)
               SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[])
               ON CONFLICT DO NOTHING
             )
             UPDATE exchange.log_position SET next = greatest(next, $5)`,
      values: [
        found.map(({ kid }) => kid),
        found.map(({ useFrom }) => useFrom),
        found.map(({ useUntil }) => useUntil),
        found.map(({ destroyAfter }) => destroyAfter),
        next.toString(),
      ],
    });
  }
}

async function releaseKeyOf(entry: Uint8Array): Promise<ReleaseKey | undefined> {
  const decoded = decodeEntry(entry);
  if (!decoded.ok || decoded.value.kind !== 'clear' || decoded.value.record.type !== 'hub-key') return undefined;
  const statement = readStatement('hub-key', decoded.value.record.record);
  if (!statement.ok) return undefined;
  const { service, use, jwk, useFrom, useUntil, destroyAfter } = statement.value.payload;
  if (service !== 'audit' || use !== 'release') return undefined;
  return {
    kid: await thumbprintOf(jwk),
    useFrom: new Date(useFrom),
    useUntil: new Date(useUntil),
    destroyAfter: new Date(destroyAfter ?? useUntil),
  };
}
