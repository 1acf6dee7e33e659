import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import {
  type ErasureProposal,
  type HoldScope,
  type LogBody,
  countOf,
  encodeClearEntry,
  exportPrivateJwk,
  placeOf,
  rangesOf,
} from '#envelope';
import {
  type AgencyId,
  type ConsentId,
  type Pseudonym,
  type Sha256,
  agencyId,
  newConsentId,
  newEventId,
  unwrap,
} from '#kernel';
import { decodeEntryBundle, encodeEntryBundle, entryBundlePath, tileWidth } from '#merkle';
import { prepareDatabase, serviceDatabaseUrl } from '#platform';
import { type TestDatabase, createTestDatabase, until } from '#testing';
import { databaseSpec } from '../infra/database.js';
import { openPlaces } from '../infra/place-openings.js';
import { auditSchema } from '../infra/schema.js';
import {
  ErasingHub,
  type HubParts,
  type HubPlaces,
  kekPathIn,
  publicLogIn,
  somebody,
} from '../testing/erasing-hub.fixture.js';
import { type Party, party } from '../testing/parties.fixture.js';

/** Compiled: the process is a real one, and `kill -9` too. */
const program = fileURLToPath(
  new URL('../../../../dist/apps/audit/src/erase-entries/erasing-process.fixture.js', import.meta.url),
);
const runProcess = promisify(execFile);

/** The places at which an erasure changes something, in their order. */
const steps = ['append', 'erase', 'begin', 'rewrap', 'destroy', 'finish'] as const;

let database: TestDatabase;
let folder: string;
let places: HubPlaces;
let city: Party;
/** Has the city's auditor. */
let neighbour: Party;
let county: Party;
let ombudsman: Party;
let parties: Party[];
let running: ErasingHub[] = [];

const servicePlace = (url: string): string => serviceDatabaseUrl(url, auditSchema);

beforeAll(async () => {
  database = await createTestDatabase();
  await prepareDatabase(database.url, databaseSpec);
  folder = await mkdtemp(join(tmpdir(), 'erasing-'));
  places = { databaseUrl: servicePlace(database.url), folder };
  parties = await Promise.all(['K-235', 'H-03', 'A-TSV'].map((id) => party(id)));
  [city, county, ombudsman] = parties as [Party, Party, Party];
  neighbour = { ...(await party('K-049')), auditing: city.auditing };
  parties.push(neighbour);
});
afterEach(async () => {
  for (const hub of running.splice(0)) await hub.stop();
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

async function start(at: HubPlaces = places, parts: HubParts = {}): Promise<ErasingHub> {
  const hub = await ErasingHub.start(at, parties, parts);
  running.push(hub);
  await until('the appender is active', () => hub.appender.active);
  return hub;
}

async function stop(hub: ErasingHub): Promise<void> {
  running = running.filter((one) => one !== hub);
  await hub.stop();
}

async function owner<R extends pg.QueryResultRow>(text: string, url = database.url): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(text)).rows;
  } finally {
    await client.end();
  }
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'OK',
    (error: { code?: string; message?: string }) => error.code ?? String(error.message),
  );

const everybodys = { agency: agencyId('A-TSV'), supervising: true };
const yearsAgo = (years: number): string => new Date(Date.now() - years * 365.25 * 24 * 3_600_000).toISOString();
const about = (subject: Pseudonym, members: Partial<LogBody> = {}): Partial<LogBody> => ({
  subjects: [subject],
  sender: city.id,
  recipient: county.id,
  ...members,
});
/** In SQL. */
const idOf = (chain: string): string => `(SELECT id FROM audit.chain WHERE name = '${chain}')`;

const bySubject = (subject: Pseudonym): ErasureProposal['selection'] => ({
  by: 'subject',
  subject,
  from: '2000-01-01',
  to: '2099-12-31',
});
const byIndices = (...leaves: number[]): ErasureProposal['selection'] => ({
  by: 'indices',
  indices: rangesOf(leaves),
});

/** Three persons with an entry each, whose erasure is approved; gives their leaves. */
async function threeApproved(hub: ErasingHub): Promise<number[]> {
  const leaves: number[] = [];
  for (const person of [somebody(), somebody(), somebody()]) {
    leaves.push(...(await hub.log(about(person), {})).slice(0, 1));
    await hub.approved({ proposer: city, approver: ombudsman }, bySubject(person));
  }
  return leaves;
}

describe('an erasure', () => {
  it('takes body, secret, index and parties of what two agencies agreed on, and nothing else', async () => {
    const hub = await start();
    const former = hub.kek.id;
    const bystanders = await hub.log(about(somebody()), {});
    const leaves = await threeApproved(hub);
    const report = await hub.erasureRun.run();
    expect(report).toMatchObject({ erased: 3, persons: 3, destroyedKek: former });
    expect(report.tombstones).toHaveLength(1);
    expect(await hub.left(leaves)).toEqual([]);
    expect(await hub.open(leaves)).toEqual([]);
    expect(await hub.open(bystanders)).toEqual(bystanders);
    const [found] = await hub.store.tombstones();
    expect(found).toMatchObject({
      leafIndex: report.tombstones[0],
      tombstone: { grounds: ['unlawful'], proposers: ['K-235'], approvers: ['A-TSV'], kek: former },
    });
    expect(countOf(found!.tombstone.indices)).toBe(3);
    expect(
      (await hub.erasures.list(everybodys)).every(({ state, proposal }) => state === 'erased' && proposal === null),
    ).toBe(true);
  });

  it('leaves a row of an erased entry in no table but those of leaves and numbers', async () => {
    const hub = await start();
    const leaves = await threeApproved(hub);
    await hub.erasureRun.run();
    const tables = await owner<{ table_name: string }>(
      `SELECT table_name FROM information_schema.columns
       WHERE table_schema = 'audit' AND column_name = 'leaf_index' AND table_name <> 'entry'`,
    );
    expect(tables.length).toBeGreaterThan(2);
    for (const { table_name: table } of tables) {
      const left = await owner(`SELECT FROM audit.${table} WHERE leaf_index IN (${leaves.join(', ')})`);
      expect({ table, left: left.length }).toEqual({ table, left: 0 });
    }
  });

  it('leaves of a person’s chain the newest number alone, and the next entry goes on from it', async () => {
    const hub = await start();
    const person = somebody();
    const leaves = await hub.log(about(person), about(person), about(person));
    const numbers = () =>
      owner(`SELECT leaf::float8 AS leaf, (number + at - 1)::float8 AS number
             FROM audit.chain_run, unnest(leaves) WITH ORDINALITY AS place (leaf, at)
             WHERE chain = ${idOf(person)} ORDER BY leaf`);
    await hub.approved({ proposer: city, approver: ombudsman }, bySubject(person));
    await threeApproved(hub);
    await hub.erasureRun.run();
    expect(await numbers()).toEqual([{ leaf: leaves[2], number: 3 }]);
    const [later] = await hub.log(about(person));
    expect(await numbers()).toEqual([
      { leaf: leaves[2], number: 3 },
      { leaf: later, number: 4 },
    ]);
    await threeApproved(hub);
    await hub.erasureRun.run();
    expect(await numbers()).toEqual([{ leaf: later, number: 4 }]);
    const ofCity = await owner(
      `SELECT FROM audit.chain_run, unnest(leaves) AS leaf WHERE chain = ${idOf(city.id)} AND leaf IN (${leaves.join(', ')})`,
    );
    expect(ofCity).toHaveLength(3);
  });

  it('takes entries out of the middle of what one batch added to a person’s chain: the rest opens with the places that it had', async () => {
    const hub = await start();
    const person = somebody();
    await hub.log(about(person));
    const leaves = await hub.log(...Array.from({ length: 6 }, () => about(person)));
    const places = async (asked: readonly number[]) =>
      [...(await openPlaces(hub.database, hub.kek, person, asked)).values()]
        .sort((a, b) => a.leafIndex - b.leafIndex)
        .map(({ leafIndex, opening }) => ({ leafIndex, place: placeOf(opening).place }));
    const before = await places(leaves);
    expect(before.map(({ place }) => place.number)).toEqual([2, 3, 4, 5, 6, 7]);
    // Three persons at least, as the night's erasures must be of.
    await threeApproved(hub);
    const gone = [leaves[1]!, leaves[2]!, leaves[4]!];
    await hub.approved({ proposer: city, approver: ombudsman }, byIndices(...gone));
    await hub.erasureRun.run();
    expect(await places(leaves)).toEqual(before.filter(({ leafIndex }) => !gone.includes(leafIndex)));
    const kept = await owner(`SELECT FROM audit.chain_run, unnest(leaves) AS leaf
      WHERE chain = ${idOf(person)} AND leaf IN (${gone.join(', ')})`);
    expect(kept).toHaveLength(0);
    const [later] = await hub.log(about(person));
    expect(await places([later!])).toMatchObject([{ place: { number: 8, previous: leaves[5] } }]);
  });

  it('stands in public before anything goes', async () => {
    const hub = await start();
    await threeApproved(hub);
    const seen: number[] = [];
    const erase = hub.store.erase.bind(hub.store);
    hub.store.erase = async (leaves, tombstone) => {
      seen.push(((await hub.publisher.published())?.size ?? 0) - tombstone);
      return erase(leaves, tombstone);
    };
    await hub.erasureRun.run();
    expect(seen.length).toBeGreaterThan(0);
    expect(Math.min(...seen)).toBeGreaterThan(0);
  });

  it('goes on while entries are appended, each of which opens afterwards', async () => {
    const hub = await start();
    const earlier = (await Promise.all(Array.from({ length: 30 }, () => hub.log({}, {}, {})))).flat();
    await threeApproved(hub);
    let ended = false;
    const appended: number[] = [];
    const appending = (async () => {
      while (!ended) appended.push(...(await hub.log({}, {})));
    })();
    const reads: number[] = [];
    const reading = (async () => {
      while (!ended) reads.push((await hub.open(earlier)).length);
    })();
    await hub.erasureRun.run();
    ended = true;
    await Promise.all([appending, reading]);
    expect(appended.length).toBeGreaterThan(0);
    expect(await hub.open(appended)).toEqual(appended.toSorted((a, b) => a - b));
    expect(reads.every((count) => count === earlier.length)).toBe(true);
    expect(await owner(`SELECT FROM audit.entry_secret WHERE kek <> '${hub.kek.id}'`)).toEqual([]);
    expect(await owner(`SELECT FROM audit.entry_index WHERE type = 'entry-key-destroyed'`)).not.toEqual([]);
  });

  it('takes what was prepared under the former key and comes later, or refuses it when that key is gone', async () => {
    const hub = await start();
    const other = await ErasingHub.start(places, parties);
    running.push(other);
    await threeApproved(hub);
    await hub.erasureRun.run();
    // It stood by with the former key in memory; nothing that it prepared then may be stored.
    expect(other.kek.id).not.toBe(hub.kek.id);
    const late = other.log({});
    await stop(hub);
    expect(await codeOf(late)).toBe('UNAVAILABLE');
    await until('the other one appends', () => other.appender.active);
    const leaves = await other.log({});
    expect(await other.open(leaves)).toEqual(leaves);
  });
});

describe('who may erase', () => {
  it('as those see it whom it concerns: who asked, who may agree or did, and a supervising authority', async () => {
    const hub = await start();
    const [ofCity, ofBoth] = [somebody(), somebody()];
    await hub.log({ subjects: [ofCity], sender: city.id }, about(ofBoth));
    const propose = async (person: Pseudonym) =>
      (await hub.erasures.propose(await hub.proposal(city, bySubject(person)))).erasure;
    const [own, shared] = [await propose(ofCity), await propose(ofBoth)];
    const seen = async (agency: AgencyId, supervising = false): Promise<boolean[]> => {
      const hashes = (await hub.erasures.list({ agency, supervising })).map(({ proposalHash }) => proposalHash);
      return [own, shared].map(({ proposalHash }) => hashes.includes(proposalHash));
    };
    expect(await seen(city.id)).toEqual([true, true]);
    expect(await seen(county.id)).toEqual([false, true]);
    expect(await seen(ombudsman.id, true)).toEqual([true, true]);
    expect(await seen(ombudsman.id)).toEqual([false, false]);
  });

  it('nothing by a class that nobody compared with the law, unless the agency answers for it by its signature', async () => {
    const hub = await start();
    const person = somebody();
    await hub.log(about(person), about(person, { type: 'message-accepted', at: yearsAgo(20) }));
    const propose = async (accepts: readonly string[]): Promise<string> =>
      codeOf(hub.proposal(city, bySubject(person), 'unlawful', accepts).then((token) => hub.erasures.propose(token)));
    expect(await propose([])).toBe('RETENTION_UNCONFIRMED');
    expect(await propose(['inquiry'])).toBe('RETENTION_UNCONFIRMED');
    expect(await propose(['inquiry', 'county-disclosure'])).toBe('OK');
    const accepted = await owner<{ purpose: string }>(
      `SELECT purpose FROM audit.entry_index WHERE type = 'erasure-class-accepted' ORDER BY leaf_index DESC LIMIT 2`,
    );
    expect(accepted.map(({ purpose }) => purpose).sort()).toEqual(['county-disclosure', 'inquiry']);
  });

  it('by an acceptance that the approving agency has seen and signs too', async () => {
    const hub = await start();
    const person = somebody();
    await hub.log(about(person), about(person, { type: 'message-accepted', at: yearsAgo(20) }));
    const accepts = ['inquiry', 'county-disclosure'];
    const token = await hub.proposal(city, bySubject(person), 'unlawful', accepts);
    const { erasure } = await hub.erasures.propose(token);
    expect(erasure.accepted).toEqual([
      {
        id: 'inquiry',
        floor: { unit: 'days', count: 0 },
        ceiling: { unit: 'years', count: 2 },
        ground: 'GDPR 5(1)(e)',
        entries: 1,
      },
      {
        id: 'county-disclosure',
        floor: { unit: 'years', count: 12 },
        ceiling: { unit: 'years', count: 13 },
        ground: '703/2023',
        entries: 1,
      },
    ]);
    const approve = async (seen: readonly string[]): Promise<string> =>
      codeOf(hub.approval(ombudsman, erasure, seen).then((approval) => hub.erasures.approve(approval)));
    expect(await approve([])).toBe('RETENTION_UNCONFIRMED');
    expect(await approve(['inquiry'])).toBe('RETENTION_UNCONFIRMED');
    expect(await approve([...accepts, 'disclosure'])).toBe('RETENTION_UNCONFIRMED');
    expect(await approve(accepts.toReversed())).toBe('OK');
    const named = await owner<{ purpose: string }>(
      `SELECT purpose FROM audit.entry_index WHERE type IN ('erasure-approved', 'erasure-class-accepted')
       AND actor = '${ombudsman.id}' ORDER BY leaf_index DESC LIMIT 3`,
    );
    expect(named.map(({ purpose }) => purpose).sort()).toEqual(['county-disclosure', 'inquiry', 'unlawful']);
    await threeApproved(hub);
    expect((await hub.erasureRun.run()).erased).toBe(5);
  });

  /** Three persons' entries, approved to be erased by classes that were confirmed then and are so no more. */
  async function approvedBeforeDoubt(hub: ErasingHub): Promise<{ leaves: number[]; confirm: (said: boolean) => void }> {
    const confirm = (said: boolean): void => {
      for (const one of hub.data.classes) Object.assign(one, { confirmed: said });
    };
    const leaves = await hub.log(about(somebody()), about(somebody()), about(somebody()));
    confirm(true);
    const { erasure } = await hub.erasures.propose(await hub.proposal(city, byIndices(...leaves), 'unlawful', []));
    await hub.erasures.approve(await hub.approval(ombudsman, erasure));
    confirm(false);
    return { leaves, confirm };
  }

  it('nothing by a class that was confirmed when it was proposed and is so no more', async () => {
    const hub = await start();
    const { leaves, confirm } = await approvedBeforeDoubt(hub);
    expect(await codeOf(hub.erasureRun.run())).toBe('RETENTION_UNCONFIRMED');
    expect(await hub.left(leaves)).toEqual(leaves);
    confirm(true);
    expect((await hub.erasureRun.run()).erased).toBe(leaves.length);
  });

  it('by a later acceptance what had none, of which nothing is left then', async () => {
    const hub = await start();
    const { leaves } = await approvedBeforeDoubt(hub);
    await hub.approved({ proposer: city, approver: ombudsman }, byIndices(...leaves));
    expect((await hub.erasureRun.run()).erased).toBe(leaves.length);
    const both = (await hub.erasures.list(everybodys)).filter(({ indices }) => indices[0]?.first === leaves[0]);
    expect(both.map(({ state, proposal }) => ({ state, proposal }))).toEqual([
      { state: 'erased', proposal: null },
      { state: 'erased', proposal: null },
    ]);
    expect(await codeOf(hub.erasureRun.run())).toBe('NOT_APPROVED');
  });

  it('never one agency alone', async () => {
    const hub = await start();
    const person = somebody();
    await hub.log(about(person));
    const { erasure } = await hub.erasures.propose(await hub.proposal(city, bySubject(person)));
    expect(await codeOf(hub.approval(city, erasure).then((token) => hub.erasures.approve(token)))).toBe('SAME_HAND');
    expect(
      (await hub.erasures.list(everybodys)).find(({ proposalHash }) => proposalHash === erasure.proposalHash)?.state,
    ).toBe('proposed');
  });

  it('only parties of every entry, and supervising authorities', async () => {
    const hub = await start();
    const person = somebody();
    const [own, foreign] = (await hub.log(about(person, { recipient: city.id }), {})) as [number, number];
    const { erasure } = await hub.erasures.propose(await hub.proposal(city, bySubject(person)));
    const byCounty = await hub.approval(county, erasure);
    expect(await codeOf(hub.erasures.approve(byCounty))).toBe('FORBIDDEN');
    expect(await codeOf(hub.proposal(city, byIndices(own, foreign)).then((t) => hub.erasures.propose(t)))).toBe(
      'NOT_FOUND',
    );
    expect(await codeOf(hub.proposal(ombudsman, byIndices(foreign)).then((t) => hub.erasures.propose(t)))).toBe('OK');
  });

  it('nobody with another list than the proposal selects', async () => {
    const hub = await start();
    const person = somebody();
    await hub.log(about(person));
    const { erasure } = await hub.erasures.propose(await hub.proposal(city, bySubject(person)));
    const wider = await hub.approval(ombudsman, { ...erasure, entries: erasure.entries + 1 });
    expect(await codeOf(hub.erasures.approve(wider))).toBe('TARGETS_DIFFER');
  });

  it('nobody by a key that is not the agency’s', async () => {
    const hub = await start();
    const token = await hub.proposal({ ...city, auditing: county.auditing }, bySubject(somebody()));
    expect(await codeOf(hub.erasures.propose(token))).toBe('KEY_NOT_LOGGED');
  });

  it('nobody with the key by which it was proposed, whichever agency has that auditor too', async () => {
    const hub = await start();
    const person = somebody();
    await hub.log(about(person, { recipient: neighbour.id }));
    const { erasure } = await hub.erasures.propose(await hub.proposal(city, bySubject(person)));
    expect(await codeOf(hub.approval(neighbour, erasure).then((t) => hub.erasures.approve(t)))).toBe('SAME_HAND');
  });

  it('each statement has one leaf, however often it is posted', async () => {
    const hub = await start();
    const person = somebody();
    await hub.log(about(person));
    const token = await hub.proposal(city, bySubject(person));
    const [first, again] = [await hub.erasures.propose(token), await hub.erasures.propose(token)];
    expect(again.erasure).toEqual(first.erasure);
    const rows = await owner<{ type: string }>(`SELECT type FROM audit.entry_index ORDER BY leaf_index DESC LIMIT 3`);
    expect(rows.map(({ type }) => type).sort()).toEqual(['basis-asked', 'erasure-class-accepted', 'erasure-proposed']);
  });
});

describe('what may be erased', () => {
  it('nothing below its floor, and what is kept is counted', async () => {
    const hub = await start();
    const person = somebody();
    const [kept, free] = (await hub.log(
      about(person, { type: 'message-accepted' }),
      about(person, { type: 'message-accepted', at: yearsAgo(12.1) }),
    )) as [number, number];
    const { erasure, kept: stayed } = await hub.erasures.propose(await hub.proposal(city, bySubject(person)));
    expect(erasure.indices).toEqual([{ first: free, last: free }]);
    expect(stayed).toBe(1);
    expect(await codeOf(hub.proposal(city, byIndices(kept)).then((t) => hub.erasures.propose(t)))).toBe('ENTRY_KEPT');
  });

  it('by ceiling: what is due of a class, and nothing a day younger', async () => {
    const hub = await start();
    const [due] = (await hub.log(
      { type: 'edge-refused', at: yearsAgo(1.01) },
      { type: 'edge-refused', at: yearsAgo(0.99) },
      { type: 'basis-asked', at: yearsAgo(1.5) },
    )) as [number];
    const token = await hub.proposal(ombudsman, { by: 'ceiling', class: 'edge-refusal' }, 'retention-ended');
    const { erasure } = await hub.erasures.propose(token);
    expect(erasure.indices).toEqual([{ first: due, last: due }]);
  });

  it('of a consent all entries or none: a withdrawal never goes alone', async () => {
    const hub = await start();
    const person = somebody();
    const consent = (id: ConsentId, type: string, at: string): Partial<LogBody> =>
      about(person, { type, at, consent: { id, version: 1 }, assertedBy: 'agency' });
    const [whole, half] = [newConsentId(), newConsentId()];
    const [first, second] = (await hub.log(
      consent(whole, 'consent-recorded', yearsAgo(14)),
      consent(whole, 'consent-withdrawn', yearsAgo(13)),
      consent(half, 'consent-recorded', yearsAgo(1)),
      consent(half, 'consent-withdrawn', yearsAgo(13)),
    )) as [number, number];
    const { erasure } = await hub.erasures.propose(await hub.proposal(city, bySubject(person)));
    expect(erasure.indices).toEqual([{ first, last: second }]);
    expect(await codeOf(hub.proposal(city, byIndices(second)).then((t) => hub.erasures.propose(t)))).toBe('ENTRY_KEPT');
  });

  it('nothing in clear, and no proof of an erasure', async () => {
    const hub = await start();
    const [tombstone] = await hub.store.tombstones();
    const propose = (leaf: number) => hub.proposal(ombudsman, byIndices(leaf)).then((t) => hub.erasures.propose(t));
    expect(await codeOf(propose(tombstone!.leafIndex))).toBe('NOT_FOUND');
    const [proof] = await owner<{ leaf: number }>(
      `SELECT leaf_index::float8 AS leaf FROM audit.entry_index WHERE type = 'erasure-approved' LIMIT 1`,
    );
    expect(await codeOf(propose(proof!.leaf))).toBe('ENTRY_KEPT');
  });
});

describe('a run', () => {
  it('is refused when nothing is approved', async () => {
    const hub = await start();
    expect(await codeOf(hub.erasureRun.run())).toBe('NOT_APPROVED');
  });

  it('does not group one person’s entries: it waits for others', async () => {
    const hub = await start();
    const person = somebody();
    const leaves = await hub.log(about(person), about(person));
    await hub.approved({ proposer: city, approver: ombudsman }, bySubject(person));
    expect(await codeOf(hub.erasureRun.run())).toBe('TOO_FEW_PERSONS');
    expect(await hub.left(leaves)).toEqual(leaves);
    const others = await threeApproved(hub);
    expect(await hub.erasureRun.run()).toMatchObject({ erased: 5, persons: 4 });
    expect(await hub.left([...leaves, ...others])).toEqual([]);
  });

  it('erases nothing that a legal hold covers until it is lifted, and everything else', async () => {
    const hub = await start();
    const person = somebody();
    const leaves = await hub.log(about(person));
    await hub.approved({ proposer: city, approver: ombudsman }, bySubject(person));
    const hold = await hub.holds.place(await hub.hold(county, { by: 'subject', subject: person }));
    expect(await codeOf(hub.erasureRun.run())).toBe('LEGAL_HOLD');
    const others = await threeApproved(hub);
    const report = await hub.erasureRun.run();
    expect(report.left.filter(({ reason }) => reason === 'LEGAL_HOLD')).toHaveLength(1);
    expect(await hub.left(others)).toEqual([]);
    expect(await hub.left(leaves)).toEqual(leaves);

    expect(await codeOf(hub.lift(city, hold.holdHash).then((token) => hub.holds.lift(token)))).toBe('FORBIDDEN');
    await hub.holds.lift(await hub.lift(county, hold.holdHash));
    await threeApproved(hub);
    await hub.erasureRun.run();
    expect(await hub.left(leaves)).toEqual([]);
    const types = await owner<{ type: string }>(`SELECT type FROM audit.entry_index WHERE type LIKE 'legal-hold-%'`);
    expect(types.map(({ type }) => type).sort()).toEqual(['legal-hold-lifted', 'legal-hold-placed']);
    const [row] = await owner(`SELECT subject, hold FROM audit.legal_hold`);
    expect(row).toEqual({ subject: null, hold: null });
  });

  it.each([
    ['of an agency', (): HoldScope => ({ by: 'agency', agency: county.id })],
    ['of entries', (leaf: number): HoldScope => ({ by: 'indices', indices: [{ first: leaf, last: leaf }] })],
  ])('is blocked by a hold %s', async (_name, scopeOf) => {
    const hub = await start();
    const leaves = await threeApproved(hub);
    const hold = await hub.holds.place(await hub.hold(ombudsman, scopeOf(leaves[0]!)));
    const first = await hub.erasureRun.run().catch((error: { code: string }) => error.code);
    if (typeof first !== 'string') expect(first.left.filter(({ reason }) => reason === 'LEGAL_HOLD')).toHaveLength(1);
    expect((await hub.left(leaves)).includes(leaves[0]!)).toBe(true);
    await hub.holds.lift(await hub.lift(ombudsman, hold.holdHash));
    await threeApproved(hub);
    await hub.erasureRun.run();
    expect(await hub.left(leaves)).toEqual([]);
  });
});

describe('a run that is looked at', () => {
  /** A run that waits in its first wrapping until it is let go. */
  function heldBack(hub: ErasingHub): { readonly letGo: () => void } {
    let letGo = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const rewrap = hub.store.rewrap.bind(hub.store);
    hub.store.rewrap = async (...given) => {
      await gate;
      return rewrap(...given);
    };
    return { letGo };
  }

  it('goes on after the answer, and who starts one meanwhile attaches to it', async () => {
    const hub = await start();
    const others = await hub.log({}, {}, {});
    const leaves = await threeApproved(hub);
    const { letGo } = heldBack(hub);
    const first = await hub.erasureRuns.start(await hub.asking(ombudsman));
    expect(first).toMatchObject({ state: 'running', endedAt: null, code: null });
    await until('the bodies are gone', async () => (await hub.left(leaves)).length === 0);
    const second = await hub.erasureRuns.start(await hub.asking(city));
    expect(second.id).toBe(first.id);
    const asked = await owner<{ actor: string }>(
      `SELECT actor FROM audit.entry_index WHERE type = 'erasure-run-asked' ORDER BY leaf_index DESC LIMIT 2`,
    );
    expect(asked.map(({ actor }) => actor)).toEqual([city.id, ombudsman.id]);
    await until('the others are counted', async () => {
      const { secrets } = await hub.erasureRuns.show(first.id, everybodys);
      return secrets >= others.length;
    });
    const half = await hub.erasureRuns.show(first.id, everybodys);
    expect(half).toMatchObject({
      state: 'running',
      entries: 3,
      erased: 3,
      persons: 3,
      rewrapped: 0,
      destroyedKek: null,
    });
    letGo();
    const done = await hub.ended(first, ombudsman);
    expect(done).toMatchObject({ state: 'done', erased: 3, interruptions: 0, code: null, secrets: half.secrets });
    expect(done.rewrapped).toBe(done.secrets);
    expect(done.endedAt).not.toBeNull();
    const runs = await owner(
      `SELECT FROM audit.erasure_run WHERE ended_at IS NULL OR started_at > '${first.startedAt.toISOString()}'`,
    );
    expect(runs).toEqual([]);
  });

  it('lets a hold be placed while the others are wrapped', async () => {
    const hub = await start();
    await hub.log({}, {});
    const leaves = await threeApproved(hub);
    const { letGo } = heldBack(hub);
    const run = await hub.erasureRuns.start(await hub.asking(ombudsman));
    await until('the bodies are gone', async () => (await hub.left(leaves)).length === 0);
    const hold = await hub.holds.place(await hub.hold(ombudsman, { by: 'subject', subject: somebody() }));
    expect((await hub.erasureRuns.show(run.id, everybodys)).state).toBe('running');
    letGo();
    await hub.ended(run, ombudsman);
    await hub.holds.lift(await hub.lift(ombudsman, hold.holdHash));
  });

  it('begins by itself at night where something is approved, once a night', async () => {
    const hub = await start();
    const runs = async () => Number((await owner<{ n: string }>('SELECT count(*) AS n FROM audit.erasure_run'))[0]!.n);
    const before = await runs();
    await hub.erasureRuns.startNightly('2026-11-26');
    expect(await runs()).toBe(before);
    const leaves = await threeApproved(hub);
    await hub.erasureRuns.startNightly('2026-11-26');
    await until('the bodies are gone', async () => (await hub.left(leaves)).length === 0);
    const ended = () =>
      owner<{ state: string; asked_by: string[] }>(
        `SELECT state, asked_by FROM audit.erasure_run ORDER BY started_at DESC LIMIT 1`,
      );
    await until('it is done', async () => (await ended())[0]?.state === 'done');
    expect(await ended()).toEqual([{ state: 'done', asked_by: [] }]);
    await threeApproved(hub);
    await hub.erasureRuns.startNightly('2026-11-26');
    expect(await runs()).toBe(before + 1);
  });

  it('is shown to those who asked for it and to supervising authorities', async () => {
    const hub = await start();
    await threeApproved(hub);
    const run = await hub.erasureRuns.start(await hub.asking(city));
    await hub.ended(run, city);
    const seenBy = (agency: AgencyId, supervising = false) =>
      codeOf(hub.erasureRuns.show(run.id, { agency, supervising }));
    expect(await seenBy(city.id)).toBe('OK');
    expect(await seenBy(ombudsman.id, true)).toBe('OK');
    expect(await seenBy(county.id)).toBe('NOT_FOUND');
    expect(await codeOf(hub.asking(county).then((look) => hub.erasureRuns.start(look)))).toBe('FORBIDDEN');
  });

  it('fails with the code of what it leaves where it has nothing to do', async () => {
    const hub = await start();
    const run = await hub.ended(await hub.erasureRuns.start(await hub.asking(ombudsman)), ombudsman);
    expect(run).toMatchObject({ state: 'failed', code: 'NOT_APPROVED', entries: 0, erased: 0 });
  });

  /** Wrapping breaks until it is mended. */
  function broken(hub: ErasingHub): { readonly mend: () => void } {
    const rewrap = hub.store.rewrap.bind(hub.store);
    hub.store.rewrap = () => Promise.reject(new Error('no space is left'));
    return { mend: () => void (hub.store.rewrap = rewrap) };
  }

  it('waits where something breaks after its tombstone stood, and ends itself what it had begun', async () => {
    const hub = await start();
    const leaves = await threeApproved(hub);
    const { mend } = broken(hub);
    await hub.log({});
    const { id } = await hub.erasureRuns.start(await hub.asking(ombudsman));
    const shown = () => hub.erasureRuns.show(id, everybodys);
    await until('it waits', async () => (await shown()).state === 'waiting');
    const waits = await shown();
    expect(waits).toMatchObject({ code: 'INTERNAL', erased: leaves.length, endedAt: null });
    expect(waits.nextAttemptAt).toEqual(expect.any(Date));
    await until('it broke again and again', async () => (await shown()).failures > 3);
    expect(await hub.erasureRuns.warnings()).toHaveLength(1);
    mend();
    const done = await hub.ended({ id }, ombudsman);
    expect(done).toMatchObject({ state: 'done', code: null, erased: leaves.length, nextAttemptAt: null });
    expect(done.failures).toBeGreaterThan(3);
    expect(hub.kek.formerId).toBeUndefined();
    expect(await hub.erasureRuns.warnings()).toEqual([]);
    expect((await hub.store.tombstones()).filter(({ leafIndex }) => done.tombstones.includes(leafIndex))).toHaveLength(
      1,
    );
  });

  it('that waits goes on at once where somebody starts one, and at the next start of the service', async () => {
    const hub = await start();
    const leaves = await threeApproved(hub);
    const { mend } = broken(hub);
    await hub.log({});
    const run = await hub.erasureRuns.start(await hub.asking(ombudsman));
    await until('it waits', async () => (await hub.erasureRuns.show(run.id, everybodys)).state === 'waiting');
    hub.erasureRuns.stop();
    expect((await hub.erasureRuns.start(await hub.asking(city))).id).toBe(run.id);
    await until('it waits again', async () => (await hub.erasureRuns.show(run.id, everybodys)).state === 'waiting');
    await stop(hub);
    mend();
    const next = await start();
    await next.erasureRuns.resume();
    expect(await next.erasureRuns.show(run.id, everybodys)).toMatchObject({ state: 'done', erased: leaves.length });
    expect(await next.left(leaves)).toEqual([]);
  });

  it('deletes nothing by a tombstone that is not in the public log yet, however often it is tried, and waits for it', async () => {
    const hub = await start(places, { publishedWithinMs: 20 });
    await hub.erasureRun.resume();
    const leaves = await threeApproved(hub);
    const { publisher } = hub;
    const published = publisher.published.bind(publisher);
    const before = await published();
    publisher.published = () => Promise.resolve(before);
    const run = await hub.erasureRuns.start(await hub.asking(ombudsman));
    const shown = () => hub.erasureRuns.show(run.id, everybodys);
    await until('it was tried again and again', async () => (await shown()).failures > 3);
    expect(await shown()).toMatchObject({ entries: leaves.length, erased: 0 });
    expect(await hub.left(leaves)).toEqual(leaves);
    publisher.published = published;
    expect(await hub.ended(run, ombudsman)).toMatchObject({ state: 'done', erased: leaves.length });
  });

  it('reads the tombstones alone of which something is left to do, after it has read each once', async () => {
    const hub = await start();
    await threeApproved(hub);
    await hub.erasureRun.run();
    const read: number[] = [];
    const leftOf = hub.store.leftOf.bind(hub.store);
    hub.store.leftOf = (ranges, limit) => {
      read.push(...ranges.map(({ first }) => first));
      return leftOf(ranges, limit);
    };
    const leaves = await threeApproved(hub);
    await hub.erasureRun.run();
    expect([...new Set(read)].sort((a, b) => a - b)).toEqual(leaves);
    expect(await hub.store.tombstones({ after: await hub.store.doneThrough() })).toEqual([]);
  });

  it('says what it left and why, beside what it erased', async () => {
    const hub = await start();
    const unapproved = await (async () => {
      const person = somebody();
      await hub.log(about(person), about(person));
      return (await hub.erasures.propose(await hub.proposal(city, bySubject(person)))).erasure;
    })();
    const person = somebody();
    await hub.log(about(person));
    const blocked = await hub.approved({ proposer: city, approver: ombudsman }, bySubject(person));
    const hold = await hub.holds.place(await hub.hold(county, { by: 'subject', subject: person }));
    const old = somebody();
    await hub.log(about(old, { type: 'message-accepted', at: yearsAgo(12.1) }));
    const kept = await hub.approved({ proposer: city, approver: ombudsman }, bySubject(old));
    const county12 = hub.data.classes.find(({ id }) => id === 'county-disclosure')!;
    const { floor } = county12;
    Object.assign(county12, { floor: { unit: 'years', count: 13 } });
    const others = await threeApproved(hub);
    const run = await hub.ended(await hub.erasureRuns.start(await hub.asking(ombudsman)), ombudsman);
    Object.assign(county12, { floor });
    expect(run).toMatchObject({ state: 'done', erased: others.length });
    const reasonOf = ({ proposalHash }: { proposalHash: Sha256 }) =>
      run.left.find((one) => one.proposal === proposalHash);
    expect(reasonOf(unapproved)).toMatchObject({ reason: 'NOT_APPROVED', entries: 2, parties: [city.id] });
    expect(reasonOf(blocked)).toMatchObject({ reason: 'LEGAL_HOLD', entries: 1, parties: [city.id, ombudsman.id] });
    expect(reasonOf(kept)).toMatchObject({ reason: 'ENTRY_KEPT', entries: 1 });
    await hub.holds.lift(await hub.lift(county, hold.holdHash));
    await threeApproved(hub);
    expect((await hub.erasureRun.run()).erased).toBe(5);
  });
});

describe('the database', () => {
  const asService = (text: string): Promise<string> => codeOf(owner(text, places.databaseUrl));

  it('lets nobody past the triggers but by a tombstone', async () => {
    const hub = await start();
    const [leaf] = (await hub.log(about(somebody()))) as [number];
    const [tombstone] = await hub.store.tombstones();
    const at = tombstone!.leafIndex;
    expect(await asService(`DELETE FROM audit.entry_index WHERE leaf_index = ${leaf}`)).toBe('42501');
    expect(await asService(`SELECT audit.erase_entries(ARRAY[${leaf}]::bigint[], ${leaf})`)).toBe('42501');
    expect(await asService(`SELECT audit.erase_entries(ARRAY[${leaf}]::bigint[], ${at})`)).toBe('42501');
    expect(
      await asService(
        `SELECT audit.rewrap_secrets(ARRAY[${leaf}]::bigint[], ARRAY['\\x00']::bytea[], '${hub.kek.id}', 'x')`,
      ),
    ).toBe('42501');
    expect(await codeOf(owner(`DELETE FROM audit.entry_secret WHERE leaf_index = ${leaf}`))).toBe('42501');
    expect(await hub.open([leaf])).toEqual([leaf]);
  });
});

describe('a run that was killed with kill -9', () => {
  it.each(steps.flatMap((step) => ['before', 'after'].map((when) => [when, step] as const)))(
    '%s the step %s is ended by the next start',
    async (when, step) => {
      const hub = await start();
      const former = hub.kek.id;
      const survivors = await hub.log({}, {}, {});
      const leaves = await threeApproved(hub);
      await stop(hub);
      const partiesFile = join(folder, 'parties.json');
      const secrets = parties.map(({ id, auditing }) => ({ id, jwk: exportPrivateJwk(auditing) }));
      await writeFile(partiesFile, JSON.stringify(secrets));
      const died = await runProcess(process.execPath, [
        program,
        places.databaseUrl,
        folder,
        partiesFile,
        step,
        when,
      ]).then(
        ({ stdout }) => stdout,
        (error: { signal?: string }) => error.signal,
      );
      expect(died).toBe('SIGKILL');

      const next = await start();
      const [interrupted] = await owner<{ id: Sha256 }>(`SELECT id FROM audit.erasure_run WHERE ended_at IS NULL`);
      const shown = () => next.erasureRuns.show(interrupted!.id, everybodys);
      expect((await shown()).state).toBe('interrupted');
      await next.erasureRuns.resume();
      // Killed before the tombstone stood, nothing was begun, and the next start goes on with it.
      if (step === 'append' && when === 'before') {
        expect((await shown()).state).toBe('interrupted');
        const again = await next.erasureRuns.start(await next.asking(ombudsman));
        expect(again).toMatchObject({ id: interrupted!.id, state: 'running' });
        await next.ended(again, ombudsman);
      }
      const own = (await next.store.tombstones()).filter(({ tombstone }) => tombstone.kek === former);
      expect(await shown()).toMatchObject({
        state: 'done',
        interruptions: 1,
        entries: leaves.length,
        erased: leaves.length,
        persons: 3,
        tombstones: own.map(({ leafIndex }) => leafIndex),
      });
      expect(await next.left(leaves)).toEqual([]);
      expect(await next.open(survivors)).toEqual(survivors);
      expect(next.kek.id).not.toBe(former);
      expect(next.kek.formerId).toBeUndefined();
      expect((await readdir(folder)).filter((name) => name.startsWith('kek.'))).toEqual(['kek.jwk']);
      expect(await owner(`SELECT FROM audit.entry_secret WHERE kek <> '${next.kek.id}'`)).toEqual([]);
      expect(own).toHaveLength(1);
      expect(
        (await next.erasures.list(everybodys)).filter(({ state }) => ['approved', 'erasing'].includes(state)),
      ).toEqual([]);
    },
  );
});

describe('a database restored from before an erasure', () => {
  /** Before: a copy of database and folder. Then the erasure. */
  async function erasedWithCopies(): Promise<{
    leaves: number[];
    others: number[];
    old: TestDatabase;
    oldFolder: string;
  }> {
    const hub = await start();
    const others = await hub.log({}, {});
    const leaves = await threeApproved(hub);
    await until('all is published', async () => {
      const { checkpoint } = hub.appender.current();
      return (await hub.publisher.published())?.size === checkpoint.size;
    });
    await stop(hub);
    const old = await createTestDatabase(undefined, database.url);
    const oldFolder = await mkdtemp(join(tmpdir(), 'erasing-old-'));
    await cp(folder, oldFolder, { recursive: true });
    const again = await start();
    await again.erasureRun.run();
    await stop(again);
    return { leaves, others, old, oldFolder };
  }
  const clear = async (old: TestDatabase, ...folders: string[]): Promise<void> => {
    for (const hub of running.splice(0)) await hub.stop();
    await old.drop();
    for (const one of folders) await rm(one, { recursive: true, force: true });
  };

  it('is brought to the tombstones of the public log before anything is served, and is not appended to', async () => {
    const { leaves, others, old, oldFolder } = await erasedWithCopies();
    const hub = await ErasingHub.start({ databaseUrl: servicePlace(old.url), folder }, parties);
    running.push(hub);
    expect(hub.replayed).toBe(leaves.length);
    expect(await hub.left(leaves)).toEqual([]);
    expect(await hub.open(leaves)).toEqual([]);
    expect(await codeOf(hub.log({}))).toBe('LOG_INCONSISTENT');
    // The price: what was not erased is sealed under the key that is gone, and comes back from a later backup only.
    expect(await hub.open(others)).toEqual([]);
    await clear(old, oldFolder);
  });

  it('opens nothing where the public log was put back too: the key is gone', async () => {
    const { leaves, old, oldFolder } = await erasedWithCopies();
    await cp(kekPathIn(folder), kekPathIn(oldFolder), { force: true });
    const hub = await start({ databaseUrl: servicePlace(old.url), folder: oldFolder });
    expect(await hub.left(leaves)).toEqual(leaves);
    expect(await hub.open(leaves)).toEqual([]);
    await clear(old, oldFolder);
  });

  it('loses the bodies also where the former key file was put back and the public log was not', async () => {
    const { leaves, old, oldFolder } = await erasedWithCopies();
    const mixed = await mkdtemp(join(tmpdir(), 'erasing-mixed-'));
    await cp(folder, mixed, { recursive: true });
    await cp(kekPathIn(oldFolder), kekPathIn(mixed), { force: true });
    const hub = await ErasingHub.start({ databaseUrl: servicePlace(old.url), folder: mixed }, parties);
    running.push(hub);
    expect(await hub.left(leaves)).toEqual([]);
    expect(await hub.open(leaves)).toEqual([]);
    await clear(old, oldFolder, mixed);
  });

  it('to a moment after the tombstone stood and before it was done is erased again, and goes on', async () => {
    const hub = await start();
    const leaves = await threeApproved(hub);
    const erase = hub.store.erase.bind(hub.store);
    hub.store.erase = () => Promise.reject(new Error('the machine stops here'));
    await hub.erasureRun.run().catch(() => undefined);
    hub.store.erase = erase;
    await stop(hub);
    const old = await createTestDatabase(undefined, database.url);
    const oldFolder = await mkdtemp(join(tmpdir(), 'erasing-old-'));
    await cp(folder, oldFolder, { recursive: true });
    const again = await start({ databaseUrl: servicePlace(old.url), folder: oldFolder });
    expect(again.replayed).toBe(leaves.length);
    expect(await again.left(leaves)).toEqual([]);
    await again.erasureRun.resume();
    const fresh = await again.log({});
    expect(await again.open(fresh)).toEqual(fresh);
    await clear(old, oldFolder);
  });

  it('in one table only, by what was done long ago, is brought to its tombstones by the next start', async () => {
    const hub = await start();
    const [leaf, ...others] = (await threeApproved(hub)) as [number, ...number[]];
    await hub.erasureRun.run();
    await threeApproved(hub);
    await hub.erasureRun.run();
    await stop(hub);
    await owner(`
      ALTER TABLE audit.entry DISABLE TRIGGER entry_append_only;
      UPDATE audit.entry SET body = '\\x00' WHERE leaf_index = ${leaf};
      ALTER TABLE audit.entry ENABLE ALWAYS TRIGGER entry_append_only`);
    const next = await start();
    expect(next.replayed).toBe(1);
    expect(await next.left([leaf, ...others])).toEqual([]);
  });

  it('erases nothing by what somebody wrote into the folder', async () => {
    const { others, old, oldFolder } = await erasedWithCopies();
    const forged = await mkdtemp(join(tmpdir(), 'erasing-forged-'));
    await cp(folder, forged, { recursive: true });
    const size = Number((await readFile(join(publicLogIn(forged), 'checkpoint'), 'utf8')).split('\n')[1]);
    const n = Math.floor((size - 1) / tileWidth);
    const path = join(publicLogIn(forged), entryBundlePath(n, size - n * tileWidth));
    await writeFile(path, await forgedBundle(path, others));
    const started = ErasingHub.start({ databaseUrl: servicePlace(old.url), folder: forged }, parties);
    expect(await codeOf(started)).toBe('RECEIPT_INVALID');
    await clear(old, oldFolder, forged);
  });
});

/** The bundle with a tombstone over these leaves in the place of its last entry. */
async function forgedBundle(path: string, leaves: readonly number[]): Promise<Buffer> {
  const width = path.includes('.p/') ? Number(path.split('/').at(-1)) : tileWidth;
  const entries = unwrap(decodeEntryBundle(await readFile(path), width));
  const at = new Date().toISOString();
  const forged = encodeClearEntry(newEventId(), {
    type: 'tombstone',
    indices: leaves.slice(0, 1).map((leaf) => ({ first: leaf, last: leaf })),
    grounds: ['unlawful'],
    retention: 1,
    proposers: [city.id],
    approvers: [ombudsman.id],
    approvals: ['A'.repeat(43) as never],
    holds: { checkedAt: at, standing: 0 },
    kek: 'AAAAAAAA',
    at,
  });
  return Buffer.from(encodeEntryBundle([...entries.slice(0, -1), forged]));
}
