import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AlertAct, type LogBody, signStatement } from '#envelope';
import { type AgencyId, FixedClock, agencyId, newMessageId, numericDate } from '#kernel';
import { prepareDatabase, serviceDatabaseUrl } from '#platform';
import { type TestDatabase, createTestDatabase, until } from '#testing';
import { type AlertRules, ruleNamed } from '../domain/alert-rules.js';
import { AgencyKeys } from '../infra/agency-keys.js';
import { readAlertRules } from '../infra/alert-rules-data.js';
import { AlertStore, type StoredAlert } from '../infra/alert-store.js';
import { databaseSpec } from '../infra/database.js';
import { auditSchema } from '../infra/schema.js';
import { ErasingHub, somebody } from '../testing/erasing-hub.fixture.js';
import { type Party, directoryOf, party } from '../testing/parties.fixture.js';
import { Alerts } from './alerts.js';

/** A Wednesday at noon in Helsinki, in the middle of an hour. */
const noon = new Date(new Date().toISOString().slice(0, 4) + '-06-10T09:30:00Z');

let database: TestDatabase;
let folder: string;
let hub: ErasingHub;
let rules: AlertRules;
let parties: Party[];
let city: Party;
let county: Party;
let ombudsman: Party;
let workers = 0;
const everybodys = { agency: agencyId('A-TSV'), supervising: true };

beforeAll(async () => {
  database = await createTestDatabase();
  await prepareDatabase(database.url, databaseSpec);
  folder = await mkdtemp(join(tmpdir(), 'alerts-'));
  parties = await Promise.all(['K-235', 'H-03', 'A-TSV'].map((id) => party(id)));
  [city, county, ombudsman] = parties as [Party, Party, Party];
  rules = await readAlertRules('apps/audit/data/alert-rules.json');
  hub = await ErasingHub.start({ databaseUrl: serviceDatabaseUrl(database.url, auditSchema), folder }, parties);
  await until('the appender is active', () => hub.appender.active);
});
afterAll(async () => {
  await hub.stop();
  await database.drop();
  await rm(folder, { recursive: true });
});

/** Alerts of one new worker; the others' are no concern of the test. */
function watch(at: Date) {
  const worker = `w-${(workers += 1)}`;
  const store = new AlertStore(hub.database);
  const keys = new AgencyKeys(directoryOf(parties), () => Promise.resolve(true));
  const alerts = new Alerts({ store, rules, keys, kek: hub.kek, appender: hub.appender, clock: new FixedClock(at) });
  const raised = async (): Promise<StoredAlert[]> => {
    await alerts.look();
    return (await alerts.list(everybodys, { closed: true })).filter((alert) => alert.worker === worker);
  };
  const log = (count: number, members: Partial<LogBody>): Promise<number[]> =>
    hub.log(
      ...Array.from({ length: count }, () => ({
        at: at.toISOString(),
        actor: { agency: city.id, worker },
        messageId: newMessageId(),
        ...members,
      })),
    );
  return { alerts, worker, raised, log };
}

const rulesOf = (alerts: readonly StoredAlert[]): string[] => alerts.map(({ rule, measured }) => `${rule} ${measured}`);
/** The same day, in the night of Helsinki. */
const night = new Date(`${noon.toISOString().slice(0, 10)}T01:30:00Z`);
const sunday = new Date(new Date(noon).setUTCDate(noon.getUTCDate() + ((7 - noon.getUTCDay()) % 7)));

describe('an alert', () => {
  it('on volume is raised at its threshold, and not one below', async () => {
    const { raised, log } = watch(noon);
    await log(59, { type: 'message-released' });
    expect(await raised()).toEqual([]);
    await log(1, { type: 'message-released' });
    expect(rulesOf(await raised())).toEqual(['volume 60']);
  });

  it('on volume counts one window, not two together', async () => {
    const { raised, log } = watch(noon);
    await log(30, { type: 'message-released' });
    await log(30, { type: 'message-released', at: new Date(noon.getTime() - 3_600_000).toISOString() });
    expect(await raised()).toEqual([]);
  });

  it.each([
    ['by night', night],
    ['on a Sunday', sunday],
  ])('on odd hours %s is raised at its threshold, and not one below', async (_name, at) => {
    const { raised, log } = watch(at);
    await log(2, { type: 'message-released' });
    expect(await raised()).toEqual([]);
    await log(1, { type: 'message-released' });
    expect(rulesOf(await raised())).toEqual(['odd-hours 3']);
  });

  it.each([
    ['the first minute', '03:00', []],
    ['the last minute before', '02:59', ['odd-hours 3']],
    ['the last minute', '17:59', []],
    ['the first minute after', '18:00', ['odd-hours 3']],
  ])('on odd hours knows %s of the working day in Helsinki', async (_name, time, expected) => {
    const at = new Date(`${noon.toISOString().slice(0, 10)}T${time}:00Z`);
    const weekday = new Date(at);
    while ([0, 6].includes(weekday.getUTCDay())) weekday.setUTCDate(weekday.getUTCDate() + 1);
    const { raised, log } = watch(weekday);
    await log(3, { type: 'message-released' });
    expect(rulesOf(await raised())).toEqual(expected);
  });

  it('on many subjects counts persons, not entries, from its threshold on', async () => {
    const { raised, log } = watch(noon);
    const persons = Array.from({ length: 99 }, somebody);
    await log(2, { type: 'log-search', subjects: persons.slice(0, 16) });
    for (let from = 0; from < 99; from += 16)
      await log(1, { type: 'log-search', subjects: persons.slice(from, from + 16) });
    expect(await raised()).toEqual([]);
    await log(1, { type: 'log-search', subjects: [somebody()] });
    expect(rulesOf(await raised())).toEqual(['many-subjects 100']);
  });

  it('on repeated refusals is raised at its threshold, and not one below', async () => {
    const { raised, log } = watch(noon);
    await log(10, { type: 'release-refused' });
    await log(9, { type: 'edge-refused' });
    expect(await raised()).toEqual([]);
    await log(1, { type: 'message-rejected' });
    const [alert] = await raised();
    expect(alert).toMatchObject({ rule: 'repeated-refusals', measured: 20, owner: 'supervising' });
  });

  it('is raised and logged once, however often it is looked', async () => {
    const { raised, log, worker } = watch(night);
    await log(3, { type: 'message-released' });
    const [first] = await raised();
    await log(1, { type: 'message-released' });
    expect(await raised()).toMatchObject([{ id: first!.id, measured: 4 }]);
    expect(await typesOf(worker)).toEqual(['alert-raised']);
  });
});

describe('who sees an alert', () => {
  it('is the agency that it is about, and a supervising authority; nobody else, also none that does not ask as one', async () => {
    const { alerts, raised, log } = watch(night);
    await log(3, { type: 'message-released' });
    const [alert] = await raised();
    const sees = async (agency: AgencyId, supervising = false): Promise<boolean> =>
      (await alerts.list({ agency, supervising }, { closed: true })).some(({ id }) => id === alert!.id);
    expect(await sees(city.id)).toBe(true);
    expect(await sees(ombudsman.id, true)).toBe(true);
    expect(await sees(county.id)).toBe(false);
    expect(await sees(ombudsman.id)).toBe(false);
  });
});

describe('the end of an alert', () => {
  const said = (by: Party, alert: string, act: AlertAct['act'], at: Date): Promise<string> =>
    signStatement('alert-act', { v: 1, alert, act, reason: 'planned-work', ...signedBy(by.id, at) }, by.auditing);
  const code = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'OK',
      (error: { code?: string }) => String(error.code),
    );

  it('is its owner’s: acknowledged, then closed with a reason, each logged', async () => {
    const now = new Date();
    const { alerts, raised, log } = watch(oddNow(now));
    await log(3, { type: 'message-released' });
    const [alert] = await raised();
    const act = async (by: Party, what: AlertAct['act']) => alerts.act(await said(by, alert!.id, what, oddNow(now)));
    expect(await code(act(county, 'close'))).toBe('FORBIDDEN');
    expect(await act(city, 'acknowledge')).toMatchObject({ state: 'acknowledged', actedBy: city.id });
    expect(await code(act(city, 'acknowledge'))).toBe('CONFLICT');
    expect(await act(ombudsman, 'close')).toMatchObject({ state: 'closed', reason: 'planned-work' });
    expect(await code(act(city, 'close'))).toBe('CONFLICT');
    expect((await alerts.list(everybodys, { closed: false })).some(({ id }) => id === alert!.id)).toBe(false);
    const logged = await typesOf('w-1', ['alert-acknowledged', 'alert-closed']);
    expect(logged.sort()).toEqual(['alert-acknowledged', 'alert-closed']);
  });
});

/** Keys count from yesterday on, so acts are signed today: in its night, or on the weekend as it comes. */
const oddNow = (now: Date): Date => new Date(`${now.toISOString().slice(0, 10)}T00:30:00Z`);

const signedBy = (agency: AgencyId, at: Date) => ({
  agency,
  worker: 'w-1',
  jti: Math.random().toString(36).slice(2).padEnd(16, '0'),
  iat: numericDate(at),
});

async function typesOf(worker: string, types = ['alert-raised']): Promise<string[]> {
  const { rows } = await hub.database.query<{ type: string }>({
    text: 'SELECT type FROM audit.entry_index WHERE worker = $1 AND type = ANY ($2::text[])',
    values: [worker, types],
  });
  return rows.map(({ type }) => type);
}

describe('the rules of alerts', () => {
  it('have each a name in fi, sv and en, an owner and an end, those of other parts of audit too', () => {
    const all = [...rules.rules, rules.logDifference, rules.breakGlass];
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    for (const rule of all) {
      expect(ruleNamed(rules, rule.id)).toBe(rule);
      expect(new Set([rule.names.fi, rule.names.sv, rule.names.en]).size).toBe(3);
      expect(['agency', 'supervising']).toContain(rule.owner);
      expect(['act', 'review']).toContain(rule.end);
    }
  });

  it('are refused without the one about differences, whose alerts would have no owner', async () => {
    const without = { ...rules, logDifference: undefined };
    const path = join(await mkdtemp(join(tmpdir(), 'rules-')), 'rules.json');
    await writeFile(path, JSON.stringify(without));
    await expect(readAlertRules(path)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await rm(dirname(path), { recursive: true });
  });
});
