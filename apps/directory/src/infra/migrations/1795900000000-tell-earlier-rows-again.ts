import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { AgencyId, Sha256 } from '#kernel';
import type { OutboxRow } from '#messaging';
import { directoryEvent, opaqueDirectoryEvent } from '../directory-event.js';

/** A row from before rows named their events, the table and column in which its event is named, and what tells of it. */
interface EarlierRow {
  readonly table: string;
  readonly column: string;
  readonly where: string;
  readonly key: readonly unknown[];
  readonly event: OutboxRow;
}

/**
 * What the directory keeps from before its rows named their events is told again, once and as it stands now: from here on it is held
 * against the log as everything else is, and a row that names none is a difference (decision 0037).
 */
export class TellEarlierRowsAgain1795900000000 implements MigrationInterface {
  readonly name = 'TellEarlierRowsAgain1795900000000';

  async up(runner: QueryRunner): Promise<void> {
    const at = new Date();
    await runner.query('CREATE TABLE directory.told_again (event_id text PRIMARY KEY)');
    const earlier = [
      ...(await earlierAgencies(runner, at)),
      ...(await earlierRevocations(runner, at)),
      ...(await earlierResponsibilities(runner, at)),
      ...(await earlierCatalogues(runner, at)),
    ];
    for (const { table, column, where, key, event } of earlier) {
      await runner.query(`UPDATE directory.${table} SET ${column} = $1 WHERE ${where}`, [event.eventId, ...key]);
      await runner.query('INSERT INTO directory.told_again (event_id) VALUES ($1)', [event.eventId]);
      await runner.query('INSERT INTO directory.outbox (event_id, topic, key, payload) VALUES ($1, $2, $3, $4)', [
        event.eventId,
        event.topic,
        event.key,
        Buffer.from(event.payload),
      ]);
    }
    await runner.query('ALTER TABLE directory.agency ALTER registered_event SET NOT NULL');
    for (const table of ['key_revocation', 'responsibility', 'catalogue_version'])
      await runner.query(`ALTER TABLE directory.${table} ALTER event_id SET NOT NULL`);
  }

  async down(): Promise<void> {
    throw new Error('what was told is not taken back');
  }
}

async function earlierAgencies(runner: QueryRunner, at: Date): Promise<EarlierRow[]> {
  const rows = (await runner.query(
    `SELECT id, kind, business_id AS "businessId", status, registered_event IS NULL AS unregistered,
            status_event IS NULL AND status <> 'onboarding' AS untold
     FROM directory.agency WHERE registered_event IS NULL OR status_event IS NULL ORDER BY id`,
  )) as readonly {
    readonly id: AgencyId;
    readonly kind: string;
    readonly businessId: string;
    readonly status: 'active' | 'suspended';
    readonly unregistered: boolean;
    readonly untold: boolean;
  }[];
  return rows.flatMap(({ id, kind, businessId, status, unregistered, untold }) => {
    const row = { table: 'agency', where: 'id = $2', key: [id] };
    const clear = { type: 'agency', agency: id, kind, businessId, status, at: at.toISOString() } as const;
    return [
      ...(unregistered
        ? [
            {
              ...row,
              column: 'registered_event',
              event: opaqueDirectoryEvent({ type: 'agency-registered', agency: id, at }),
            },
          ]
        : []),
      ...(untold
        ? [{ ...row, column: 'status_event', event: directoryEvent({ type: 'agency-status', clear, at, agency: id }) }]
        : []),
    ];
  });
}

async function earlierRevocations(runner: QueryRunner, at: Date): Promise<EarlierRow[]> {
  const rows = (await runner.query(
    'SELECT agency, kid, statement FROM directory.key_revocation WHERE event_id IS NULL ORDER BY agency, kid',
  )) as readonly { readonly agency: AgencyId; readonly kid: string; readonly statement: string }[];
  return rows.map(({ agency, kid, statement }) => ({
    table: 'key_revocation',
    column: 'event_id',
    where: 'agency = $2 AND kid = $3',
    key: [agency, kid],
    event: directoryEvent({
      type: 'key-revoked',
      clear: { type: 'agency-key-revocation', record: statement },
      at,
      agency,
      evidence: { kind: 'agency-key-revocation', token: statement },
    }),
  }));
}

async function earlierResponsibilities(runner: QueryRunner, at: Date): Promise<EarlierRow[]> {
  const rows = (await runner.query(
    'SELECT id, agency, duty FROM directory.responsibility WHERE event_id IS NULL ORDER BY id',
  )) as readonly { readonly id: string; readonly agency: AgencyId; readonly duty: string }[];
  return rows.map(({ id, agency, duty }) => ({
    table: 'responsibility',
    column: 'event_id',
    where: 'id = $2',
    key: [id],
    event: opaqueDirectoryEvent({ type: 'responsibility-set', agency, purpose: duty, at }),
  }));
}

async function earlierCatalogues(runner: QueryRunner, at: Date): Promise<EarlierRow[]> {
  const rows = (await runner.query(
    'SELECT version, hash FROM directory.catalogue_version WHERE event_id IS NULL ORDER BY version',
  )) as readonly { readonly version: number; readonly hash: Sha256 }[];
  return rows.map(({ version, hash }) => ({
    table: 'catalogue_version',
    column: 'event_id',
    where: 'version = $2',
    key: [version],
    event: directoryEvent({
      type: 'catalogue',
      clear: { type: 'catalogue', version, hash, at: at.toISOString() },
      at,
    }),
  }));
}
