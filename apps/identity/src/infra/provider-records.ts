import type { Adapter, AdapterPayload } from 'oidc-provider';
import { errors } from 'oidc-provider';
import type { Database } from '#platform';

/** Model whose second insert means that an assertion or proof came twice. */
const REPLAY = 'ReplayDetection';

/** oidc-provider's store in PostgreSQL, shared by all instances. */
export class ProviderRecords implements Adapter {
  constructor(
    private readonly model: string,
    private readonly database: Database,
  ) {}

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    const expires = expiresIn === undefined ? null : new Date(Date.now() + expiresIn * 1000);
    const values = [
      this.model,
      id,
      payload,
      payload.grantId ?? null,
      payload.uid ?? null,
      payload.userCode ?? null,
      expires,
    ];
    const { rowCount } = await this.database.query({
      name: this.model === REPLAY ? 'record-once' : 'record-upsert',
      text: `INSERT INTO provider_record (model, id, payload, grant_id, uid, user_code, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (model, id) DO ${
               // The look-up before this insert can miss an assertion that another instance is just taking.
               this.model === REPLAY
                 ? 'NOTHING'
                 : 'UPDATE SET payload = EXCLUDED.payload, expires_at = EXCLUDED.expires_at'
             }`,
      values,
    });
    if (rowCount === 0) throw new errors.InvalidClientAuth('client assertion tokens must only be used once');
  }

  find(id: string): Promise<AdapterPayload | undefined> {
    return this.one('id', id);
  }

  findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.one('uid', uid);
  }

  findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.one('user_code', userCode);
  }

  async consume(id: string): Promise<void> {
    await this.database.query({
      text: 'UPDATE provider_record SET consumed_at = now() WHERE model = $1 AND id = $2',
      values: [this.model, id],
    });
  }

  async destroy(id: string): Promise<void> {
    await this.database.query({
      text: 'DELETE FROM provider_record WHERE model = $1 AND id = $2',
      values: [this.model, id],
    });
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.database.query({ text: 'DELETE FROM provider_record WHERE grant_id = $1', values: [grantId] });
  }

  private async one(column: 'id' | 'uid' | 'user_code', value: string): Promise<AdapterPayload | undefined> {
    const { rows } = await this.database.query<{ payload: AdapterPayload; consumed: Date | null }>({
      name: `record-by-${column}`,
      text: `SELECT payload, consumed_at AS consumed FROM provider_record
             WHERE model = $1 AND ${column} = $2 AND (expires_at IS NULL OR expires_at > now())`,
      values: [this.model, value],
    });
    const [row] = rows;
    return row && { ...row.payload, ...(row.consumed ? { consumed: true } : {}) };
  }
}

/** Deletes what has expired, in one statement. */
export const purgeExpired = async (database: Database): Promise<void> => {
  await database.query({
    name: 'purge-expired',
    text: `DELETE FROM provider_record WHERE expires_at < now() - interval '1 minute'`,
  });
};
