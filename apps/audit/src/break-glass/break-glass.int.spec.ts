import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CompactSign } from 'jose';
import { AuditEvent, topics } from '#contracts';
import { type BreakGlassOpening, type BreakGlassReview, type LogBody, parseLogBody, signStatement } from '#envelope';
import { AppError, canonicalJson, FixedClock, type Pseudonym, newEventId, numericDate, sha256, unwrap } from '#kernel';
import { createLogger, prepareDatabase, serviceDatabaseUrl } from '#platform';
import { type TestDatabase, createTestDatabase, until } from '#testing';
import type { Appender } from '../append-entries/appender.js';
import type { BreakGlassAccess, BreakGlassRule } from '../domain/break-glass.js';
import type { AlertRules } from '../domain/alert-rules.js';
import type { EntryFilter } from '../domain/entry-filter.js';
import { AgencyKeys } from '../infra/agency-keys.js';
import { readAlertRules } from '../infra/alert-rules-data.js';
import { AlertStore, type StoredAlert } from '../infra/alert-store.js';
import { BreakGlassStore } from '../infra/break-glass-store.js';
import { databaseSpec } from '../infra/database.js';
import { openPlaces } from '../infra/place-openings.js';
import { auditSchema } from '../infra/schema.js';
import { findEntries } from '../infra/search-store.js';
import { Alerts } from '../raise-alerts/alerts.js';
import { ErasingHub, somebody } from '../testing/erasing-hub.fixture.js';
import { type Party, directoryOf, party } from '../testing/parties.fixture.js';
import { BreakGlass, type BreakGlassContext } from './break-glass.js';

let database: TestDatabase;
let folder: string;
let hub: ErasingHub;
let rules: AlertRules;
let parties: Party[];
let county: Party;
let kela: Party;
let ombudsman: Party;
let others = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  await prepareDatabase(database.url, databaseSpec);
  folder = await mkdtemp(join(tmpdir(), 'break-glass-'));
  // Each test breaks the glass as a municipality of its own.
  const municipalities = Array.from({ length: 20 }, (_, number) => `K-${String(number + 100)}`);
  parties = await Promise.all(['H-03', 'L-KELA', 'A-TSV', ...municipalities].map((id) => party(id)));
  [county, kela, ombudsman] = parties as [Party, Party, Party];
  rules = await readAlertRules('apps/audit/data/alert-rules.json');
  hub = await ErasingHub.start({ databaseUrl: serviceDatabaseUrl(database.url, auditSchema), folder }, parties);
  await until('the appender is active', () => hub.appender.active);
});
afterAll(async () => {
  await hub.stop();
  await database.drop();
  await rm(folder, { recursive: true });
});

/** A municipality that has to look, and what it looks with. */
function emergency(parts: Partial<BreakGlassContext> & { readonly limits?: Partial<BreakGlassRule> } = {}) {
  const { limits, ...instead } = parts;
  const user = parties[3 + (others += 1)]!;
  const clock = new FixedClock(new Date());
  const store = new BreakGlassStore(hub.database);
  const alertStore = new AlertStore(hub.database);
  const keys = new AgencyKeys(directoryOf(parties), () => Promise.resolve(true));
  const common = { keys, kek: hub.kek, appender: hub.appender, clock };
  const context: BreakGlassContext = {
    ...common,
    store,
    alerts: alertStore,
    rule: { ...rules.breakGlass, ...limits },
    database: hub.database,
    openings: hub.openings,
    logger: createLogger('break-glass-test', 'silent'),
    ...instead,
  };
  const breakGlass = new BreakGlass(context);
  const alerts = new Alerts({ ...common, store: alertStore, rules });
  const said = (by: Party) => ({
    v: 1 as const,
    agency: by.id,
    worker: 'w-1',
    jti: randomBytes(16).toString('base64url'),
    iat: numericDate(clock.now()),
  });
  const opening = (members: Partial<BreakGlassOpening> = {}): Promise<string> => {
    const wanted = { reason: 'data-breach', matter: 'Dnro 3/2026', minutes: 30 };
    const scope = { by: 'agency' as const, agency: county.id };
    return signStatement('break-glass', { ...said(user), scope, ...wanted, ...members }, user.auditing);
  };
  const review = (by: Party, { grant }: BreakGlassAccess, finding: BreakGlassReview['finding'] = 'justified') =>
    signStatement('break-glass-review', { ...said(by), grant, finding }, by.auditing);
  const look = (access: BreakGlassAccess, { worker = 'w-1', from = 0, limit = 100, agency = user.id } = {}) =>
    breakGlass.look(
      { caller: { agency, supervising: false, worker }, hash: sha256(newEventId()), token: 'a.b.c' },
      { grant: access.grant, from, limit },
    );
  const alertsOf = (agency = ombudsman.id, supervising = true): Promise<StoredAlert[]> =>
    alerts.list({ agency, supervising }, { closed: false });
  return { user, clock, store, breakGlass, alerts, said, opening, review, look, alertsOf };
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'OK',
    (error: { code?: string; message?: string }) => error.code ?? String(error.message),
  );

async function leavesOf(filter: EntryFilter, from: number, own?: Party): Promise<readonly number[]> {
  return (await findEntries(hub.database, { filter, own: own?.id, from, end: 1_000_000, limit: 500 })).leaves;
}

/** In their order. */
async function bodiesOf(filter: EntryFilter, from: number, own?: Party): Promise<LogBody[]> {
  const leaves = await leavesOf(filter, from, own);
  const found = await hub.openings.read(leaves);
  return leaves.map((leaf) => unwrap(parseLogBody(JSON.parse(found.get(leaf)?.body ?? ''))));
}

/** Bodies of the entries of one type that an agency finds among its own. */
const foundBy = (agency: Party, type: string): Promise<LogBody[]> => bodiesOf({ type }, 0, agency);

describe('access in an emergency', () => {
  it('shows entries in which the agency is no party, bodies and no more; each look stands in the log with its reason', async () => {
    const { user, breakGlass, opening, look } = emergency();
    const [leaf] = await hub.log({ type: 'message-released', sender: county.id, recipient: kela.id });
    const access = await breakGlass.open(await opening());
    const { entries, lookLeaf } = await look(access, { from: leaf! });
    expect(entries.map(({ leafIndex }) => leafIndex)).toContain(leaf);
    expect(Object.keys(entries[0]!).sort()).toEqual(['body', 'commitmentKey', 'leafIndex', 'places']);
    expect(await hub.open([lookLeaf])).toEqual([lookLeaf]);
    const used = await foundBy(user, 'break-glass-used');
    expect(used).toMatchObject([
      { purpose: 'data-breach', actor: { agency: user.id, worker: 'w-1' }, evidence: { 'break-glass': access.grant } },
    ]);
    expect(used[0]!.search).toMatchObject({ scope: 'all', found: entries.length, first: leaf });
  });

  it('is told to the agencies concerned: the opening to the one that was named, each look to all whose entries were shown', async () => {
    const { user, breakGlass, opening, look, alertsOf } = emergency();
    const [leaf] = await hub.log({ type: 'message-released', sender: county.id, recipient: kela.id });
    const access = await breakGlass.open(await opening());
    await look(access, { from: leaf! });
    for (const agency of [county, kela])
      expect((await foundBy(agency, 'break-glass-used')).map(({ actor }) => actor?.agency)).toContain(user.id);
    expect((await foundBy(county, 'break-glass-opened')).map(({ actor }) => actor?.agency)).toContain(user.id);
    for (const agency of [county, kela]) {
      expect((await alertsOf(agency.id, false)).map(({ id }) => id)).toContain(access.alert);
      const listed = await breakGlass.list({ agency: agency.id, supervising: false });
      expect(listed.map(({ grant }) => grant)).toContain(access.grant);
    }
    const bystander = { agency: parties.at(-1)!.id, supervising: false };
    expect(await breakGlass.list(bystander)).toEqual([]);
  });

  it('shows a person’s entries, whichever agencies they are of, and stands in that person’s chain', async () => {
    const { breakGlass, opening, look } = emergency();
    const subject = somebody();
    const leaves = await hub.log(
      { type: 'message-released', sender: county.id, subjects: [subject] },
      { type: 'message-released', sender: kela.id, subjects: [subject] },
      { type: 'message-released', sender: kela.id, subjects: [somebody()] },
    );
    const access = await breakGlass.open(await opening({ scope: { by: 'subject', subject } }));
    const { entries } = await look(access, { from: leaves[0]! });
    const shown = entries.map(({ leafIndex }) => leafIndex);
    expect(shown).toEqual(expect.arrayContaining(leaves.slice(0, 2)));
    expect(shown).not.toContain(leaves[2]);
    expect(await leavesOf({ subject, type: 'break-glass-used' }, 0)).toHaveLength(1);
  });

  it('stands in the chain of each person whom it shows, by an entry that names nobody else and that others do not find', async () => {
    const { user, breakGlass, opening, look } = emergency();
    const [anna, boris, cecilia] = [somebody(), somebody(), somebody()];
    const leaves = await hub.log(
      { type: 'message-released', sender: county.id, recipient: kela.id, subjects: [anna, boris] },
      { type: 'message-released', sender: county.id, subjects: [anna] },
      { type: 'message-released', sender: county.id, subjects: [cecilia] },
    );
    const access = await breakGlass.open(await opening());
    const { entries } = await look(access, { from: leaves[0]! });
    expect(entries.map(({ leafIndex }) => leafIndex)).toEqual(expect.arrayContaining(leaves.slice(0, 3)));
    const told = (subject: Pseudonym, own?: Party): Promise<LogBody[]> =>
      bodiesOf({ subject, type: 'break-glass-shown' }, leaves[0]!, own);
    const [ofAnna, ofCecilia] = [await told(anna), await told(cecilia)];
    expect(ofAnna).toMatchObject([
      {
        actor: { agency: user.id, worker: 'w-1' },
        subjects: [anna],
        purpose: 'data-breach',
        evidence: { 'break-glass': access.grant },
        search: { found: 2, first: leaves[0], last: leaves[1] },
      },
    ]);
    expect(ofCecilia).toMatchObject([{ subjects: [cecilia], search: { found: 1 } }]);
    expect(await told(anna, kela)).toEqual(ofAnna);
    // It knows of the look, and nothing of this person.
    expect(await told(cecilia, kela)).toEqual([]);
    const [lookOfAnna] = await leavesOf({ subject: anna, type: 'break-glass-shown' }, leaves[0]!);
    const places = await openPlaces(hub.database, hub.kek, anna, [lookOfAnna!]);
    expect(places.get(lookOfAnna!)?.opening).toMatchObject({ chain: anna, number: 3, previous: leaves[1] });
  });

  it('for one person stands in the chains of the others in that person’s entries too', async () => {
    const { breakGlass, opening, look } = emergency();
    const [anna, boris] = [somebody(), somebody()];
    const [leaf] = await hub.log({ type: 'message-released', sender: county.id, subjects: [anna, boris] });
    const access = await breakGlass.open(await opening({ scope: { by: 'subject', subject: anna } }));
    await look(access, { from: leaf! });
    const types = async (subject: Pseudonym): Promise<string[]> =>
      (await bodiesOf({ subject }, leaf!)).map(({ type }) => type);
    expect(await types(anna)).toEqual(['message-released', 'break-glass-opened', 'break-glass-used']);
    expect(await types(boris)).toEqual(['message-released', 'break-glass-shown']);
  });

  it('shows nobody whom the index leaves out, as that person would not find the look', async () => {
    class BlindStore extends BreakGlassStore {
      override async concernedBy(leaves: readonly number[]) {
        return (await super.concernedBy(leaves)).map((shown) => ({ ...shown, subjects: [] }));
      }
    }
    const { breakGlass, opening, look } = emergency({ store: new BlindStore(hub.database) });
    const leaves = await hub.log(
      { type: 'message-released', sender: county.id, subjects: [somebody()] },
      { type: 'message-released', sender: county.id },
    );
    const { entries } = await look(await breakGlass.open(await opening()), { from: leaves[0]! });
    const shown = entries.map(({ leafIndex }) => leafIndex);
    expect(shown).toContain(leaves[1]);
    expect(shown).not.toContain(leaves[0]);
  });

  it('raises its alert to the supervising authorities at once, with owner and end, and is one access however often it is posted', async () => {
    const { user, breakGlass, opening, alertsOf } = emergency();
    const token = await opening({ minutes: 10 });
    const access = await breakGlass.open(token);
    expect(await breakGlass.open(token)).toEqual(access);
    const raised = (await alertsOf()).filter(({ agency }) => agency === user.id);
    expect(raised).toMatchObject([
      { id: access.alert, rule: 'break-glass', owner: 'supervising', worker: 'w-1', windowTo: access.endsAt },
    ]);
    expect(access.endsAt.getTime() - access.openedAt.getTime()).toBe(600_000);
    expect(await foundBy(user, 'alert-raised')).toHaveLength(1);
  });

  it('is told by one event, which names no person and no worker, also where its opening cannot be logged', async () => {
    const appender = { append: () => Promise.reject(new AppError('UNAVAILABLE')) } as unknown as Appender;
    const { user, breakGlass, opening } = emergency({ appender });
    const token = await opening({ scope: { by: 'subject', subject: somebody() } });
    for (let posted = 0; posted < 2; posted += 1) expect(await codeOf(breakGlass.open(token))).toBe('UNAVAILABLE');
    const [access] = await breakGlass.list({ agency: user.id, supervising: false });
    const { rows } = await hub.database.query<{ topic: string; payload: Buffer }>({
      text: `SELECT topic, payload FROM ${auditSchema}.outbox WHERE event_id = $1`,
      values: [access?.alert],
    });
    expect(rows.map(({ topic }) => topic)).toEqual([topics.auditEvents]);
    const { alert, openedAt: at } = access!;
    expect(AuditEvent.decode(rows[0]!.payload).event).toEqual({
      $case: 'alert',
      value: { alert, rule: 'break-glass', agency: user.id, at, look: '/v1/audit/break-glass' },
    });
  });

  it('has raised its alert, and is in the log, where the look fails afterwards', async () => {
    const openings = { read: () => Promise.reject(new AppError('UNAVAILABLE')) };
    const { user, breakGlass, opening, look, alertsOf } = emergency({ openings });
    const access = await breakGlass.open(await opening());
    expect(await codeOf(look(access))).toBe('UNAVAILABLE');
    expect((await alertsOf()).map(({ id }) => id)).toContain(access.alert);
    expect(await foundBy(user, 'break-glass-used')).toHaveLength(1);
  });

  it('has raised its alert, and shows nothing, where its opening cannot be logged; the same statement opens it later', async () => {
    const works = { now: false };
    const appender = {
      append: (proposal: Parameters<Appender['append']>[0]) =>
        works.now ? hub.appender.append(proposal) : Promise.reject(new AppError('UNAVAILABLE')),
    } as Appender;
    const { user, breakGlass, opening, look, alertsOf } = emergency({ appender });
    const token = await opening();
    expect(await codeOf(breakGlass.open(token))).toBe('UNAVAILABLE');
    expect((await alertsOf()).map(({ agency }) => agency)).toContain(user.id);
    const [unlogged] = await breakGlass.list({ agency: user.id, supervising: false });
    expect(await codeOf(look(unlogged!))).toBe('ACCESS_ENDED');
    works.now = true;
    expect(await codeOf(breakGlass.open(token).then(look))).toBe('OK');
  });

  it('shows nothing where the look cannot be logged', async () => {
    const works = { now: true };
    const appender = {
      append: (proposal: Parameters<Appender['append']>[0]) =>
        works.now ? hub.appender.append(proposal) : Promise.reject(new AppError('UNAVAILABLE')),
    } as Appender;
    const { breakGlass, opening, look } = emergency({ appender });
    const access = await breakGlass.open(await opening());
    works.now = false;
    expect(await codeOf(look(access))).toBe('UNAVAILABLE');
  });

  it('ends at its time', async () => {
    const { clock, breakGlass, opening, look } = emergency();
    const access = await breakGlass.open(await opening({ minutes: 5 }));
    clock.advance(5 * 60_000 - 1);
    expect(await codeOf(look(access))).toBe('OK');
    clock.advance(1);
    expect(await codeOf(look(access))).toBe('ACCESS_ENDED');
  });

  it('shows no more entries than the rules have, also to looks at the same time', async () => {
    const { breakGlass, opening, look, store } = emergency({ limits: { mostEntries: 3 } });
    await hub.log(...Array.from({ length: 5 }, () => ({ type: 'message-released', sender: county.id })));
    const access = await breakGlass.open(await opening());
    const looks = await Promise.allSettled(Array.from({ length: 4 }, () => look(access, { limit: 2 })));
    const shown = looks.flatMap((one) => (one.status === 'fulfilled' ? one.value.entries : []));
    expect(shown.length).toBeLessThanOrEqual(3);
    expect((await store.find(access.grant))!.shown).toBe(shown.length);
    const rest = await look(access).catch(() => undefined);
    expect(shown.length + (rest?.entries.length ?? 0)).toBe(3);
    expect(await codeOf(look(access))).toBe('ACCESS_ENDED');
  });

  it('is the agency’s and the worker’s who opened it', async () => {
    const { breakGlass, opening, look } = emergency();
    const access = await breakGlass.open(await opening());
    expect(await codeOf(look(access, { agency: kela.id }))).toBe('NOT_FOUND');
    expect(await codeOf(look(access, { worker: 'w-2' }))).toBe('FORBIDDEN');
    expect(await codeOf(look({ ...access, grant: access.alert as never }))).toBe('NOT_FOUND');
  });

  it('is not opened without a reason, for one that the rules do not have, or by another’s key', async () => {
    const { user, breakGlass, opening, said, alertsOf } = emergency();
    const unsaid = { ...said(user), scope: { by: 'agency', agency: county.id }, matter: 'Dnro 3/2026', minutes: 30 };
    const withoutReason = await new CompactSign(Buffer.from(canonicalJson(unsaid)))
      .setProtectedHeader({ alg: 'ES256', kid: user.auditing.kid, typ: 'kotovayla-break-glass+jws' })
      .sign(user.auditing.privateKey);
    expect(await codeOf(breakGlass.open(withoutReason))).toBe('MALFORMED');
    expect(await codeOf(breakGlass.open(await opening({ reason: 'curiosity' })))).toBe('REASON_UNKNOWN');
    const byOther = await signStatement(
      'break-glass',
      {
        ...said(user),
        scope: { by: 'agency', agency: county.id },
        reason: 'data-breach',
        matter: 'Dnro 3/2026',
        minutes: 30,
      },
      kela.auditing,
    );
    expect(await codeOf(breakGlass.open(byOther))).not.toBe('OK');
    expect((await alertsOf()).filter(({ agency }) => agency === user.id)).toEqual([]);
  });

  it('is not opened again by an agency with too many that nobody has reviewed', async () => {
    const { breakGlass, opening, review } = emergency({ limits: { mostUnreviewed: 2 } });
    const first = await breakGlass.open(await opening());
    await breakGlass.open(await opening());
    expect(await codeOf(breakGlass.open(await opening()))).toBe('REVIEW_NEEDED');
    await breakGlass.review(await review(ombudsman, first));
    expect(await codeOf(breakGlass.open(await opening()))).toBe('OK');
  });
});

describe('the review of an access', () => {
  it('is a supervising authority’s, never the user’s; the alert stays open until then, and nothing is shown afterwards', async () => {
    const { user, breakGlass, opening, review, look, alerts, alertsOf, said } = emergency();
    const access = await breakGlass.open(await opening({ scope: { by: 'subject', subject: somebody() } }));
    expect(await codeOf(breakGlass.review(await review(user, access)))).toBe('SAME_HAND');
    expect(await codeOf(breakGlass.review(await review(county, access)))).toBe('FORBIDDEN');
    const closing = { ...said(ombudsman), alert: access.alert, act: 'close' as const, reason: 'nothing-found' };
    expect(await codeOf(alerts.act(await signStatement('alert-act', closing, ombudsman.auditing)))).toBe(
      'REVIEW_NEEDED',
    );
    expect((await alertsOf()).map(({ id }) => id)).toContain(access.alert);
    const reviewed = await breakGlass.review(await review(ombudsman, access, 'unjustified'));
    expect(reviewed).toMatchObject({ reviewedBy: ombudsman.id, finding: 'unjustified', subject: null });
    expect((await alertsOf()).map(({ id }) => id)).not.toContain(access.alert);
    expect(await codeOf(look(access))).toBe('ACCESS_ENDED');
    expect(await codeOf(breakGlass.review(await review(ombudsman, access)))).toBe('CONFLICT');
    expect((await foundBy(user, 'break-glass-reviewed')).map(({ purpose }) => purpose)).toEqual(['unjustified']);
  });

  it('says by an event, with the review and whether or not it can be logged, that nobody needs to be told any more', async () => {
    const appender = {
      append: (proposal: Parameters<Appender['append']>[0]) =>
        works.now ? hub.appender.append(proposal) : Promise.reject(new AppError('UNAVAILABLE')),
    } as Appender;
    const works = { now: true };
    const { breakGlass, opening, review } = emergency({ appender });
    const access = await breakGlass.open(await opening());
    works.now = false;
    expect(await codeOf(breakGlass.review(await review(ombudsman, access)))).toBe('UNAVAILABLE');
    const { rows } = await hub.database.query<{ payload: Buffer }>({
      text: `SELECT payload FROM ${auditSchema}.outbox WHERE key = $1 ORDER BY tx, id`,
      values: [access.alert],
    });
    expect(rows.map(({ payload }) => AuditEvent.decode(payload).event?.$case)).toEqual(['alert', 'alertEnded']);
  });

  it('ends an access at once, and is done again where it could not be logged', async () => {
    const works = { now: true };
    const appender = {
      append: (proposal: Parameters<Appender['append']>[0]) =>
        works.now ? hub.appender.append(proposal) : Promise.reject(new AppError('UNAVAILABLE')),
    } as Appender;
    const { breakGlass, opening, review, look, alertsOf } = emergency({ appender });
    const access = await breakGlass.open(await opening());
    works.now = false;
    expect(await codeOf(breakGlass.review(await review(ombudsman, access)))).toBe('UNAVAILABLE');
    works.now = true;
    expect(await codeOf(look(access))).toBe('ACCESS_ENDED');
    expect((await alertsOf()).map(({ id }) => id)).toContain(access.alert);
    expect(await codeOf(breakGlass.review(await review(ombudsman, access)))).toBe('OK');
    expect((await alertsOf()).map(({ id }) => id)).not.toContain(access.alert);
  });
});
