import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { ClearChange, LoggedHubKey, LoggedKey, PublicJwk } from '#envelope';
import type { AgencyId, Thumbprint } from '#kernel';
import { CompactRange, type Checkpoint } from '#merkle';
import { Database, type Queryable } from '#platform';

export interface LogState {
  readonly range: CompactRange;
  /** The newest checkpoint whose tree was recomputed. */
  readonly checkpoint: string | undefined;
  readonly checkedAt: Date | undefined;
  readonly broken: boolean;
}

export interface Alarm {
  readonly agency?: AgencyId;
  readonly code: string;
  readonly detail: string;
  readonly leafIndex?: number;
}

/** Who has looked at an alarm, and what came of it. */
export interface Acknowledgement {
  readonly system: string;
  readonly person: { readonly name: string; readonly title: string; readonly unit: string };
  readonly note: string | null;
  readonly at: Date;
}

export interface RaisedAlarm extends Alarm {
  readonly id: number;
  readonly raisedAt: Date;
  readonly acknowledged: Acknowledgement | undefined;
}

export interface OpenAlarms {
  readonly agency: AgencyId;
  readonly code: string;
  readonly count: number;
}

export interface SignedHead {
  readonly size: number;
  readonly root: Buffer;
  readonly note: string;
}

/** What the agent knows of the log. */
@Injectable()
export class LogStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  async load(): Promise<LogState> {
    const { rows } = await this.database.query<{
      size: string;
      edge: Buffer[];
      checkpoint: string | null;
      checked_at: Date | null;
      broken_at: Date | null;
    }>({ text: 'SELECT size, edge, checkpoint, checked_at, broken_at FROM log_state' });
    const [row] = rows;
    if (!row) throw new Error('the log state is missing');
    return {
      range: CompactRange.restore(Number(row.size), row.edge),
      checkpoint: row.checkpoint ?? undefined,
      checkedAt: row.checked_at ?? undefined,
      broken: row.broken_at !== null,
    };
  }

  async loadKeys(): Promise<{ keys: LoggedKey[]; hubKeys: LoggedHubKey[] }> {
    const [keys, hubKeys] = await Promise.all([
      this.database.query<KeyRow>({ text: 'SELECT * FROM logged_keys ORDER BY leaf_index' }),
      this.database.query<HubKeyRow>({ text: 'SELECT * FROM hub_keys ORDER BY leaf_index' }),
    ]);
    return { keys: keys.rows.map(keyOf), hubKeys: hubKeys.rows.map(hubKeyOf) };
  }

  async loadHeads(): Promise<SignedHead[]> {
    const { rows } = await this.database.query<{ size: string; root: Buffer; note: string }>({
      text: 'SELECT size, root, note FROM log_heads ORDER BY size',
    });
    return rows.map(({ size, root, note }) => ({ size: Number(size), root, note }));
  }

  /** Moves on over a batch of entries: tree, keys and alarms in one transaction. */
  async advance(step: {
    readonly range: CompactRange;
    readonly changes: readonly ClearChange[];
    readonly alarms: readonly Alarm[];
    readonly at: Date;
  }): Promise<void> {
    await this.database.transaction(async (client) => {
      for (const change of step.changes) await saveChange(client, change);
      for (const alarm of step.alarms) await saveAlarm(client, alarm, step.at);
      await client.query({
        name: 'log-advance',
        text: 'UPDATE log_state SET size = $1, edge = $2',
        values: [step.range.size, step.range.hashes],
      });
    });
  }

  /** The recomputed tree is that of this checkpoint. */
  async confirm(checkpoint: Checkpoint, at: Date): Promise<void> {
    await this.database.query({
      name: 'log-confirm',
      text: `WITH seen AS (DELETE FROM log_heads WHERE size <= $2)
             UPDATE log_state SET checkpoint = $1, checked_at = $3`,
      values: [checkpoint.note, checkpoint.size, at],
    });
  }

  /** Keeps a head to be compared later. Returns the root that is already kept for this size, if it is another. */
  async keepHead({ size, root, note }: SignedHead): Promise<Buffer | undefined> {
    const { rows } = await this.database.query<{ root: Buffer }>({
      name: 'log-keep-head',
      text: `INSERT INTO log_heads (size, root, note) VALUES ($1, $2, $3)
             ON CONFLICT (size) DO UPDATE SET note = log_heads.note RETURNING root`,
      values: [size, root, note],
    });
    const kept = rows[0]?.root;
    return kept === undefined || kept.equals(root) ? undefined : kept;
  }

  /** A fork was seen. Stays so until an operator has looked. */
  async markBroken(alarm: Alarm, at: Date): Promise<void> {
    await this.database.transaction(async (client) => {
      await saveAlarm(client, alarm, at);
      await client.query('UPDATE log_state SET broken_at = coalesce(broken_at, $1)', [at]);
    });
  }

  /** False when the same alarm was raised before. */
  async raise(alarm: Alarm, at: Date): Promise<boolean> {
    return saveAlarm(this.database, alarm, at);
  }

  /** Alarms of the log as a whole and of this agency. */
  async alarms(agency: AgencyId): Promise<RaisedAlarm[]> {
    const { rows } = await this.database.query<AlarmRow>({
      text: `SELECT alarms.*, system, person, note, at
             FROM alarms LEFT JOIN alarm_acknowledgements a ON a.alarm_id = alarms.id AND a.agency = $1
             WHERE alarms.agency IS NULL OR alarms.agency = $1 ORDER BY id`,
      values: [agency],
    });
    return rows.map(alarmOf);
  }

  /** False when this agency has no such alarm, or somebody there has seen it already: the first word stands. */
  async acknowledge(agency: AgencyId, alarmId: number, seen: Acknowledgement): Promise<boolean> {
    const { rowCount } = await this.database.query({
      text: `INSERT INTO alarm_acknowledgements (alarm_id, agency, system, person, note, at)
             SELECT id, $2, $3, $4, $5, $6 FROM alarms WHERE id = $1 AND (agency IS NULL OR agency = $2)
             ON CONFLICT DO NOTHING`,
      values: [alarmId, agency, seen.system, JSON.stringify(seen.person), seen.note, seen.at],
    });
    return rowCount === 1;
  }

  /** Alarms at which nobody of these agencies has looked yet, by agency and code. */
  async openAlarms(agencies: readonly AgencyId[]): Promise<OpenAlarms[]> {
    const { rows } = await this.database.query<{ agency: AgencyId; code: string; count: number }>({
      name: 'alarms-open',
      text: `SELECT served.agency, alarms.code, count(*)::int AS count
             FROM unnest($1::text[]) AS served (agency)
             JOIN alarms ON alarms.agency IS NULL OR alarms.agency = served.agency
             LEFT JOIN alarm_acknowledgements a ON a.alarm_id = alarms.id AND a.agency = served.agency
             WHERE a.alarm_id IS NULL GROUP BY 1, 2 ORDER BY 1, 2`,
      values: [agencies],
    });
    return rows;
  }

  async catalogueHash(version: number): Promise<string | undefined> {
    const { rows } = await this.database.query<{ hash: string }>({
      text: 'SELECT hash FROM logged_catalogues WHERE version = $1',
      values: [version],
    });
    return rows[0]?.hash;
  }

  /** The key of the agency's worker pseudonyms, made at first use. */
  async workerKey(agency: AgencyId): Promise<Buffer> {
    await this.database.query({
      text: 'INSERT INTO worker_keys (agency, key) VALUES ($1, $2) ON CONFLICT DO NOTHING',
      values: [agency, randomBytes(32)],
    });
    const { rows } = await this.database.query<{ key: Buffer }>({
      text: 'SELECT key FROM worker_keys WHERE agency = $1',
      values: [agency],
    });
    const [row] = rows;
    if (!row) throw new Error('the worker key is missing');
    return row.key;
  }
}

async function saveChange(client: Queryable, change: ClearChange): Promise<void> {
  switch (change.type) {
    case 'known':
      return;
    case 'key':
      await saveKey(client, change.key);
      if (change.ended) await saveKey(client, change.ended);
      return;
    case 'revocation':
      return saveKey(client, change.key);
    case 'hub-key': {
      const { kid, service, use, jwk, useFrom, useUntil, destroyAfter, leafIndex, retired } = change.key;
      await client.query({
        text: `INSERT INTO hub_keys (kid, service, use, jwk, use_from, use_until, destroy_after, leaf_index,
                 retired_leaf, retired_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
               ON CONFLICT (kid) DO UPDATE SET retired_leaf = EXCLUDED.retired_leaf, retired_at = EXCLUDED.retired_at`,
        values: [
          ...[kid, service, use, jwk, useFrom, useUntil, destroyAfter ?? null, leafIndex],
          ...[retired?.leafIndex ?? null, retired?.at ?? null],
        ],
      });
      return;
    }
    case 'agency':
      await client.query({
        text: `INSERT INTO logged_agencies (agency, status, leaf_index) VALUES ($1, $2, $3)
               ON CONFLICT (agency) DO UPDATE SET status = EXCLUDED.status, leaf_index = EXCLUDED.leaf_index`,
        values: [change.agency, change.status, change.leafIndex],
      });
      return;
    case 'catalogue':
      await client.query({
        text: `INSERT INTO logged_catalogues (version, hash, leaf_index) VALUES ($1, $2, $3)
               ON CONFLICT (version) DO UPDATE SET hash = EXCLUDED.hash, leaf_index = EXCLUDED.leaf_index`,
        values: [change.version, change.hash, change.leafIndex],
      });
  }
}

async function saveKey(client: Queryable, key: LoggedKey): Promise<void> {
  const { agency, kid, use, jwk, record, notBefore, notAfter, revokedAt, leafIndex } = key;
  await client.query({
    text: `INSERT INTO logged_keys (agency, kid, use, jwk, record, not_before, not_after, revoked_at, leaf_index)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           ON CONFLICT (agency, kid) DO UPDATE SET revoked_at = EXCLUDED.revoked_at, not_after = EXCLUDED.not_after`,
    values: [agency, kid, use, jwk, record, notBefore, notAfter, revokedAt ?? null, leafIndex],
  });
}

async function saveAlarm(client: Queryable, alarm: Alarm, at: Date): Promise<boolean> {
  const { rowCount } = await client.query({
    text: `INSERT INTO alarms (agency, code, detail, leaf_index, raised_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT DO NOTHING`,
    values: [alarm.agency ?? null, alarm.code, alarm.detail, alarm.leafIndex ?? null, at],
  });
  return rowCount === 1;
}

interface AlarmRow {
  id: string;
  agency: AgencyId | null;
  code: string;
  detail: string;
  leaf_index: string | null;
  raised_at: Date;
  system: string | null;
  person: Acknowledgement['person'] | null;
  note: string | null;
  at: Date | null;
}

const alarmOf = (row: AlarmRow): RaisedAlarm => ({
  id: Number(row.id),
  ...(row.agency === null ? {} : { agency: row.agency }),
  code: row.code,
  detail: row.detail,
  ...(row.leaf_index === null ? {} : { leafIndex: Number(row.leaf_index) }),
  raisedAt: row.raised_at,
  acknowledged:
    row.system === null || row.person === null || row.at === null
      ? undefined
      : { system: row.system, person: row.person, note: row.note, at: row.at },
});

interface KeyRow {
  agency: AgencyId;
  kid: Thumbprint;
  use: LoggedKey['use'];
  jwk: PublicJwk;
  record: string;
  not_before: Date;
  not_after: Date;
  revoked_at: Date | null;
  leaf_index: string;
}

const keyOf = (row: KeyRow): LoggedKey => ({
  agency: row.agency,
  kid: row.kid,
  use: row.use,
  jwk: row.jwk,
  record: row.record,
  notBefore: row.not_before,
  notAfter: row.not_after,
  revokedAt: row.revoked_at ?? undefined,
  leafIndex: Number(row.leaf_index),
});

interface HubKeyRow {
  kid: Thumbprint;
  service: LoggedHubKey['service'];
  use: LoggedHubKey['use'];
  jwk: PublicJwk;
  use_from: Date;
  use_until: Date;
  destroy_after: Date | null;
  leaf_index: string;
  retired_leaf: string | null;
  retired_at: Date | null;
}

const hubKeyOf = (row: HubKeyRow): LoggedHubKey => ({
  kid: row.kid,
  service: row.service,
  use: row.use,
  jwk: row.jwk,
  useFrom: row.use_from,
  useUntil: row.use_until,
  destroyAfter: row.destroy_after ?? undefined,
  leafIndex: Number(row.leaf_index),
  ...(row.retired_leaf === null || row.retired_at === null
    ? {}
    : { retired: { leafIndex: Number(row.retired_leaf), at: row.retired_at } }),
});
