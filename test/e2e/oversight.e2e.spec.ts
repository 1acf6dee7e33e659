import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint, importJWK, type JWK, SignJWT } from 'jose';
import type { DisclosureReport } from '#disclosure-report';
import {
  type AlertNotice,
  type HoldScope,
  type LogBody,
  readStatement,
  signStatement,
  type Statements,
} from '#envelope';
import { createKeyFile, createVault } from '#key-vault';
import { numericDate, type Sha256, unwrap } from '#kernel';
import { alarmsOf } from '../../apps/agent/src/fake-hub/case.fixture.js';
import { bodyOf, eventually, TestAgent } from '../../apps/agent/src/fake-hub/test-agent.fixture.js';
import { compiled } from '../../deploy/src/clone.js';
import { aPseudonym, type HttpAnswer, type HubAgency, send, statute } from './hub-agency.js';
import { joinAlone } from './join-hub.js';
import { type RunningHub, startTestHub, until } from './running-hub.js';

interface Ran {
  readonly code: number;
  readonly data: Record<string, unknown>;
}

interface Alert {
  readonly id: string;
  readonly rule: string;
  readonly agency: string;
  readonly owner: string;
  readonly state: string;
}

interface Erasure {
  readonly proposal: string;
  readonly targets: string;
  readonly entries: number;
  readonly state: string;
  readonly accepted: readonly object[];
}

type Acting =
  | 'erasure-proposal'
  | 'erasure-approval'
  | 'legal-hold'
  | 'legal-hold-lift'
  | 'alert-act'
  | 'break-glass'
  | 'break-glass-review';
type Said = 'v' | 'agency' | 'worker' | 'jti' | 'iat';

let running: RunningHub;
let municipality: HubAgency;
let county: HubAgency;
let kela: HubAgency;
let employment: HubAgency;
let ombudsman: HubAgency;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kotovayla-oversight-'));
  running = await startTestHub({ ALERTS_EVERY_MS: '300', RATE_PER_SECOND: '1000' });
  await writeFile(join(folder, 'hub.json'), JSON.stringify(running.hub));
  const ids = ['K-235', 'H-03', 'L-KELA', 'A-TSV', 'T-01'];
  [municipality, county, kela, ombudsman, employment] = (await Promise.all(ids.map((id) => running.agency(id)))) as [
    HubAgency,
    HubAgency,
    HubAgency,
    HubAgency,
    HubAgency,
  ];
  ombudsman.askFor('audit supervise');
}, 180_000);

afterAll(async () => {
  await running?.stop();
  await rm(folder, { recursive: true, force: true });
});

const coded = ({ status, body }: HttpAnswer<unknown>): string =>
  status < 300 ? 'OK' : `${status} ${(body as { code: string }).code}`;
const nobody = '0'.repeat(32);
const noHash = 'A'.repeat(43) as Sha256;

function signed<T extends Acting>(by: HubAgency, type: T, said: Omit<Statements[T], Said>): Promise<string> {
  const who = {
    v: 1,
    agency: by.id,
    worker: 'tarkastaja-1',
    jti: randomBytes(16).toString('base64url'),
    iat: numericDate(new Date()),
  };
  return signStatement(type, { ...said, ...who } as Statements[T], by.auditing);
}

async function alertsOf(asked: HubAgency, closed = false): Promise<Alert[]> {
  const { status, body } = await asked.call<{ alerts: Alert[] }>('GET', `/v1/audit/alerts?closed=${closed}`);
  expect(status).toBe(200);
  return body.alerts;
}

/** Bodies of the newest entries of a type, as a supervising authority finds them. */
async function logged(type: string): Promise<LogBody[]> {
  const { body } = await ombudsman.call<{ entries: { body: string }[] }>(
    'GET',
    `/v1/audit/entries?type=${type}&limit=500`,
  );
  return body.entries.map((entry) => JSON.parse(entry.body) as LogBody);
}

const lookedAt = async (list: string, by: HubAgency): Promise<number> =>
  (await logged('log-search')).filter(({ actor, search }) => actor?.agency === by.id && search?.query['list'] === list)
    .length;

/** A hundred persons in one day are more than one has as clients. */
async function asksAboutManyPersons(agency: HubAgency): Promise<void> {
  for (let person = 0; person < 100; person += 1) {
    const subject = aPseudonym(`${agency.id} ${person}`);
    expect((await agency.call('GET', `/v1/audit/entries?subject=${subject}&limit=1`)).status).toBe(200);
  }
}

describe('the log over HTTP', () => {
  const questions = [
    '/v1/audit/entries',
    `/v1/audit/transfers/${randomUUID()}`,
    '/v1/audit/retention?count=true',
    '/v1/audit/erasures',
    '/v1/audit/holds',
    '/v1/audit/alerts',
    '/v1/audit/break-glass',
    `/v1/audit/break-glass/${noHash}/entries?askedBy=tarkastaja-1`,
    '/v1/audit/reconciliation',
  ];
  const acts: [path: string, member: string][] = [
    ['/v1/audit/erasures', 'proposal'],
    ['/v1/audit/erasures/approvals', 'approval'],
    ['/v1/audit/holds', 'hold'],
    ['/v1/audit/holds/lifts', 'lift'],
    ['/v1/audit/alerts/acts', 'act'],
    ['/v1/audit/break-glass', 'opening'],
    ['/v1/audit/break-glass/reviews', 'review'],
  ];
  const asSystem = async (method: string, path: string, body?: unknown): Promise<string> => {
    const sent = async () =>
      send(await employment.preparedAs('system', { method, path, body }), employment.hub.gateway);
    await employment.call('GET', '/v1/mailbox?after=0&wait=0');
    return coded(await sent());
  };

  it.each(questions)('does not tell the same agency’s own systems %s', async (path) => {
    expect(await asSystem('GET', path)).toBe('403 INSUFFICIENT_SCOPE');
  });

  it.each(acts)('takes no act from them: %s', async (path, member) => {
    expect(await asSystem('POST', path, { [member]: 'a.b.c' })).toBe('403 INSUFFICIENT_SCOPE');
    expect(await asSystem('POST', '/v1/audit/erasures/runs')).toBe('403 INSUFFICIENT_SCOPE');
  });

  it('notes that they tried', async () => {
    await until(async () => (await logged('edge-refused')).some(({ code }) => code === 'INSUFFICIENT_SCOPE'));
  });

  it('is all that an auditor comes to: no mail of the agency, no message, no release, no client’s account', async () => {
    const asAuditor = async (method: string, path: string, body?: unknown): Promise<string> =>
      coded(await send(await employment.preparedAs('auditor', { method, path, body }), employment.hub.gateway));
    await holdsLook();
    expect(await asAuditor('GET', '/v1/mailbox?after=0&wait=0')).toBe('403 INSUFFICIENT_SCOPE');
    for (const path of ['/v1/messages', '/v1/releases', '/v1/consents', '/v1/audit/reports'])
      expect(await asAuditor('POST', path, {})).toBe('403 INSUFFICIENT_SCOPE');
  });

  it('is not opened by an act that the agency’s agent signed', async () => {
    const who = { v: 1 as const, agency: employment.id, worker: 'w', jti: randomUUID(), iat: numericDate(new Date()) };
    const hold = await signStatement(
      'legal-hold',
      { ...who, scope: { by: 'agency', agency: employment.id }, matter: 'Dnro 8/2026' },
      employment.signing,
    );
    expect(coded(await employment.call('POST', '/v1/audit/holds', { hold }))).toBe('422 KEY_NOT_LOGGED');
  });

  it('answers the question that was signed, no other, and once', async () => {
    const asked = async (look: string | undefined, path = '/v1/audit/holds'): Promise<string> => {
      await holdsLook();
      const call = await employment.preparedAs('auditor', { method: 'GET', path });
      const headers = Object.fromEntries(Object.entries(call.headers).filter(([name]) => name !== 'audit-look'));
      const signedHeaders = look === undefined ? headers : { ...headers, 'audit-look': look };
      return coded(await send({ ...call, headers: signedHeaders }, employment.hub.gateway));
    };
    expect(await asked(undefined)).toBe('403 LOOK_UNPROVED');
    expect(await asked(await employment.look('GET', '/v1/audit/alerts'))).toBe('403 LOOK_UNPROVED');
    expect(await asked(await employment.look('GET', '/v1/audit/holds', { scope: 'all' }))).toBe('403 FORBIDDEN');
    expect(await asked(await employment.look('GET', '/v1/audit/holds', {}, employment.signing))).toBe(
      '422 KEY_NOT_LOGGED',
    );
    expect(await asked(await kela.look('GET', '/v1/audit/holds'))).toBe('403 SENDER_MISMATCH');
    const look = await employment.look('GET', '/v1/audit/holds');
    expect(await asked(look)).toBe('OK');
    expect(await asked(look)).toBe('403 LOOK_UNPROVED');
  });

  /** With the newest nonce of the edge. */
  const holdsLook = () => employment.call('GET', '/v1/audit/holds');
});

describe('alerts over HTTP', () => {
  let alert: Alert;

  beforeAll(async () => {
    await asksAboutManyPersons(county);
    await until(async () => (await alertsOf(county)).length > 0);
    [alert] = (await alertsOf(county)) as [Alert];
  }, 60_000);

  const act = async (by: HubAgency, what: 'acknowledge' | 'close', id = alert.id): Promise<string> =>
    coded(
      await by.call('POST', '/v1/audit/alerts/acts', {
        act: await signed(by, 'alert-act', { alert: id, act: what, reason: 'planned-work' }),
      }),
    );

  it('are seen by the agency that they are about and by a supervising authority, by nobody else', async () => {
    expect(alert).toMatchObject({ rule: 'many-subjects', agency: county.id, owner: 'agency', state: 'raised' });
    const names = { fi: expect.any(String), sv: expect.any(String), en: 'Unusually many persons by one worker' };
    expect(alert).toMatchObject({ names, end: 'act' });
    expect((await alertsOf(ombudsman)).map(({ id }) => id)).toContain(alert.id);
    expect(await alertsOf(municipality)).toEqual([]);
  });

  it('are not seen by an authority that has not asked for a token to supervise', async () => {
    ombudsman.askFor('audit');
    expect(await alertsOf(ombudsman)).toEqual([]);
    expect(await act(ombudsman, 'close')).toBe('403 FORBIDDEN');
    ombudsman.askFor('audit supervise');
  });

  it('leave an entry for each look', async () => {
    const before = await lookedAt('alerts', municipality);
    await alertsOf(municipality);
    expect(await lookedAt('alerts', municipality)).toBe(before + 1);
  });

  it('are ended by nobody but their owner and a supervising authority', async () => {
    expect(await act(municipality, 'close')).toBe('403 FORBIDDEN');
    expect(await act(county, 'close', nobody)).toBe('404 NOT_FOUND');
    expect(await act(county, 'acknowledge')).toBe('OK');
    expect(await act(ombudsman, 'close')).toBe('OK');
    expect(await act(county, 'close')).toBe('409 CONFLICT');
    expect((await alertsOf(county)).map(({ id }) => id)).not.toContain(alert.id);
    expect((await alertsOf(county, true)).map(({ id }) => id)).toContain(alert.id);
    expect((await logged('alert-closed')).map(({ actor }) => actor)).toContainEqual({
      agency: ombudsman.id,
      worker: 'tarkastaja-1',
    });
  });

  it('are not ended by another’s statement, whoever brings it', async () => {
    const said = { alert: alert.id, act: 'close', reason: 'planned-work' } as const;
    const [ofCounty, forged] = [
      await signed(county, 'alert-act', said),
      await signStatement(
        'alert-act',
        { v: 1, ...said, agency: county.id, worker: 'w', jti: randomUUID(), iat: numericDate(new Date()) },
        municipality.auditing,
      ),
    ];
    expect(coded(await municipality.call('POST', '/v1/audit/alerts/acts', { act: ofCounty }))).toBe(
      '403 SENDER_MISMATCH',
    );
    expect(coded(await county.call('POST', '/v1/audit/alerts/acts', { act: forged }))).toMatch(/^4/);
  });
});

describe('legal holds over HTTP', () => {
  const place = async (by: HubAgency, scope: HoldScope): Promise<HttpAnswer<{ hold: string }>> =>
    by.call('POST', '/v1/audit/holds', { hold: await signed(by, 'legal-hold', { scope, matter: 'Dnro 7/2026' }) });
  const lift = async (by: HubAgency, hold: string): Promise<string> =>
    coded(
      await by.call('POST', '/v1/audit/holds/lifts', {
        lift: await signed(by, 'legal-hold-lift', { hold: hold as Sha256 }),
      }),
    );
  const holdsOf = async (by: HubAgency): Promise<string[]> =>
    (await by.call<{ holds: { hold: string }[] }>('GET', '/v1/audit/holds')).body.holds.map(({ hold }) => hold);

  it('are placed on the own entries; on all entries of another agency by a supervising authority alone', async () => {
    expect(coded(await place(municipality, { by: 'agency', agency: county.id }))).toBe('403 FORBIDDEN');
    const own = await place(municipality, { by: 'agency', agency: municipality.id });
    expect(own.status).toBe(201);
    const ofKela = await place(ombudsman, { by: 'agency', agency: kela.id });
    expect(ofKela.status).toBe(201);
    expect(await holdsOf(municipality)).toEqual([own.body.hold]);
    expect(await holdsOf(kela)).toEqual([ofKela.body.hold]);
    expect(await holdsOf(county)).toEqual([]);
    expect((await holdsOf(ombudsman)).sort()).toEqual([own.body.hold, ofKela.body.hold].sort());
    expect(await lift(kela, ofKela.body.hold)).toBe('403 FORBIDDEN');
    expect(await lift(county, noHash)).toBe('404 NOT_FOUND');
    expect(await lift(municipality, own.body.hold)).toBe('OK');
    expect(await lift(ombudsman, ofKela.body.hold)).toBe('OK');
  });

  it('leave an entry for each look', async () => {
    const before = await lookedAt('holds', kela);
    await holdsOf(kela);
    expect(await lookedAt('holds', kela)).toBe(before + 1);
  });
});

describe('retention over HTTP', () => {
  interface Count {
    readonly kept: number;
    readonly erasable: number;
    readonly due: number;
  }

  it('is counted of the own entries, or of all for a supervising authority', async () => {
    const counted = async (by: HubAgency): Promise<number> => {
      const { body } = await by.call<{ counts: Count[] }>('GET', '/v1/audit/retention?count=true');
      return body.counts.reduce((sum, { kept, erasable, due }) => sum + kept + erasable + due, 0);
    };
    const [own, all] = [await counted(kela), await counted(ombudsman)];
    expect(own).toBeGreaterThan(0);
    expect(all).toBeGreaterThan(own + 100);
    expect(await lookedAt('retention', kela)).toBe(1);
  });

  it('without a count says how long what is kept', async () => {
    const { body } = await kela.call<{ data: { classes: unknown[] }; counts: unknown[] }>('GET', '/v1/audit/retention');
    expect(body.data.classes.length).toBeGreaterThan(5);
    expect(body.counts).toEqual([]);
  });
});

describe('an erasure over HTTP', () => {
  /** Refused calls, which no floor keeps, about nobody. */
  async function refusedCalls(by: HubAgency, times: number): Promise<number[]> {
    const leaves = async (): Promise<number[]> => {
      const { body } = await by.call<{ entries: { leafIndex: number }[] }>(
        'GET',
        '/v1/audit/entries?type=edge-refused&limit=500',
      );
      return body.entries.map(({ leafIndex }) => leafIndex);
    };
    const before = new Set(await leaves());
    for (let call = 0; call < times; call += 1) await by.call('POST', '/v1/mismatches', { mismatch: 'no.such.token' });
    let found: number[] = [];
    await until(async () => {
      found = (await leaves()).filter((leaf) => !before.has(leaf));
      return found.length === times;
    });
    return found;
  }

  const propose = async (
    by: HubAgency,
    leaves: readonly number[],
    accepting: { acceptsUnconfirmed?: string[] } = { acceptsUnconfirmed: ['edge-refusal'] },
  ): Promise<HttpAnswer<{ erasure: Erasure }>> => {
    const indices = leaves.map((leaf) => ({ first: leaf, last: leaf }));
    const said = { selection: { by: 'indices' as const, indices }, ground: 'unlawful', ...accepting };
    return by.call('POST', '/v1/audit/erasures', { proposal: await signed(by, 'erasure-proposal', said) });
  };
  const approve = async (by: HubAgency, erasure: Erasure, acceptsUnconfirmed = ['edge-refusal']): Promise<string> => {
    const { proposal, targets, entries } = erasure;
    const said = { proposal: proposal as Sha256, targets: targets as Sha256, count: entries, acceptsUnconfirmed };
    return coded(
      await by.call('POST', '/v1/audit/erasures/approvals', { approval: await signed(by, 'erasure-approval', said) }),
    );
  };
  interface Run {
    readonly run: string;
    readonly state: string;
    readonly code?: string;
    readonly erased: number;
    readonly left: readonly { readonly reason: string; readonly entries: number }[];
  }
  const startRun = (by: HubAgency): Promise<HttpAnswer<Run>> => by.call('POST', '/v1/audit/erasures/runs');
  /** What becomes of a run, or why it is not started. */
  const run = async (by: HubAgency): Promise<string> => {
    const answer = await startRun(by);
    if (answer.status !== 202) return coded(answer);
    const { body } = await endedRun(by, answer.headers.get('location') ?? '');
    return body.code === undefined ? body.state : `${body.state} ${body.code}`;
  };
  const endedRun = async (by: HubAgency, location: string): Promise<HttpAnswer<Run>> => {
    let answer = await by.call<Run>('GET', location);
    await until(async () => {
      answer = await by.call<Run>('GET', location);
      return answer.body.state !== 'running';
    });
    return answer;
  };
  const erasuresOf = async (by: HubAgency): Promise<string[]> =>
    (await by.call<{ erasures: Erasure[] }>('GET', '/v1/audit/erasures')).body.erasures.map(
      ({ proposal, state }) => `${proposal} ${state}`,
    );

  it('takes two agencies, each by its own token and key, and is run by those whom it concerns', async () => {
    const leaves = await refusedCalls(kela, 1);
    expect(coded(await propose(municipality, leaves))).toBe('404 NOT_FOUND');
    expect(coded(await propose(kela, leaves, {}))).toBe('422 RETENTION_UNCONFIRMED');
    const { status, body } = await propose(kela, leaves);
    expect(status).toBe(201);
    const { erasure } = body;
    expect(await approve(kela, erasure)).toBe('403 SAME_HAND');
    expect(await approve(municipality, erasure)).toBe('403 FORBIDDEN');
    expect(await approve(ombudsman, { ...erasure, proposal: noHash })).toBe('404 NOT_FOUND');
    expect(await approve(ombudsman, { ...erasure, entries: erasure.entries + 1 })).toBe('409 TARGETS_DIFFER');
    expect(await run(kela)).toBe('403 FORBIDDEN');
    expect(erasure.accepted).toEqual([
      { id: 'edge-refusal', floor: '0 days', ceiling: '1 years', ground: 'GDPR 5(1)(e), 32', entries: 1 },
    ]);
    expect(await approve(ombudsman, erasure, ['disclosure'])).toBe('422 RETENTION_UNCONFIRMED');
    expect(await approve(ombudsman, erasure)).toBe('OK');
    expect(await erasuresOf(municipality)).toEqual([]);
    expect(await erasuresOf(kela)).toEqual([`${erasure.proposal} approved`]);
    expect(await run(municipality)).toBe('403 FORBIDDEN');
    const started = await startRun(kela);
    expect(started.status).toBe(202);
    const location = `/v1/audit/erasures/runs/${started.body.run}`;
    expect(started.headers.get('location')).toBe(location);
    expect((await endedRun(kela, location)).body).toMatchObject({ state: 'done', erased: 1 });
    expect(coded(await municipality.call('GET', location))).toBe('404 NOT_FOUND');
    expect(coded(await ombudsman.call('GET', location))).toBe('OK');
    expect(await erasuresOf(ombudsman)).toContain(`${erasure.proposal} erased`);
    expect(await run(ombudsman)).toBe('failed NOT_APPROVED');
    const asked = (await logged('erasure-run-asked')).map(({ actor }) => actor?.agency);
    expect(asked).toEqual([kela.id, ombudsman.id]);
  });

  it('is not approved by one agency in another’s name', async () => {
    const { body } = await propose(kela, await refusedCalls(kela, 1));
    const { proposal, targets, entries } = body.erasure;
    const acceptsUnconfirmed = ['edge-refusal'];
    const said = { proposal: proposal as Sha256, targets: targets as Sha256, count: entries, acceptsUnconfirmed };
    const approval = await signed(ombudsman, 'erasure-approval', said);
    expect(coded(await kela.call('POST', '/v1/audit/erasures/approvals', { approval }))).toBe('403 SENDER_MISMATCH');
    const inTheirName = await signStatement(
      'erasure-approval',
      { v: 1, ...said, agency: ombudsman.id, worker: 'w', jti: randomUUID(), iat: numericDate(new Date()) },
      kela.auditing,
    );
    const answer = await ombudsman.call('POST', '/v1/audit/erasures/approvals', { approval: inTheirName });
    expect(coded(answer)).toMatch(/^4/);
    expect(await erasuresOf(kela)).toContain(`${proposal} proposed`);
  });
});

describe('access in an emergency over HTTP', () => {
  interface Access {
    readonly grant: string;
    readonly alert: string;
    readonly state: string;
  }
  const opening = (by: HubAgency, of: HubAgency): Promise<string> =>
    signed(by, 'break-glass', {
      scope: { by: 'agency', agency: of.id },
      reason: 'data-breach',
      matter: 'Dnro 4/2026',
      minutes: 10,
    });
  const open = async (by: HubAgency, of: HubAgency): Promise<HttpAnswer<Access>> =>
    by.call('POST', '/v1/audit/break-glass', { opening: await opening(by, of) });
  const look = (by: HubAgency, grant: string, worker = 'tarkastaja-1') =>
    by.call<{ entries: { body: string }[] }>('GET', `/v1/audit/break-glass/${grant}/entries?askedBy=${worker}`);
  const review = async (by: HubAgency, grant: string): Promise<string> => {
    const said = { grant: grant as Sha256, finding: 'justified' as const };
    return coded(
      await by.call('POST', '/v1/audit/break-glass/reviews', { review: await signed(by, 'break-glass-review', said) }),
    );
  };
  const accessesOf = async (by: HubAgency): Promise<string[]> =>
    (await by.call<{ grants: Access[] }>('GET', '/v1/audit/break-glass')).body.grants.map(({ grant }) => grant);

  it('is told to the supervising authority and to the agency concerned, logged at each look, and reviewed', async () => {
    const { status, body: access } = await open(municipality, county);
    expect(status).toBe(201);
    for (const told of [ombudsman, county]) {
      expect((await alertsOf(told)).map(({ id }) => id)).toContain(access.alert);
      expect(await accessesOf(told)).toContain(access.grant);
    }
    expect(await accessesOf(kela)).toEqual([]);
    const shown = (await look(municipality, access.grant)).body.entries.map(({ body }) => JSON.parse(body) as LogBody);
    expect(shown.map(({ actor }) => actor?.agency)).toContain(county.id);
    expect((await logged('break-glass-used')).at(-1)).toMatchObject({
      actor: { agency: municipality.id, worker: 'tarkastaja-1' },
      purpose: 'data-breach',
    });
    expect(coded(await look(municipality, access.grant, 'tarkastaja-2'))).toBe('403 FORBIDDEN');
    expect(coded(await look(kela, access.grant))).toBe('404 NOT_FOUND');
    expect(await review(municipality, access.grant)).toBe('403 SAME_HAND');
    expect(await review(county, access.grant)).toBe('403 FORBIDDEN');
    expect(await review(ombudsman, noHash)).toBe('404 NOT_FOUND');
    expect(await review(ombudsman, access.grant)).toBe('OK');
    expect(coded(await look(municipality, access.grant))).toBe('403 ACCESS_ENDED');
    expect((await alertsOf(ombudsman)).map(({ id }) => id)).not.toContain(access.alert);
  });

  it('rings: the agent of a supervising authority that did not ask raises one alarm, and no other agency is told so', async () => {
    const pins = { pins: { ...running.hub.pins } as Record<string, string> };
    const authority = await TestAgent.start(pins, [{ id: 'A-STM', keys: { useAfterSeconds: 0 } }]);
    try {
      await joinAlone(running, 'A-STM', authority);
      const { body: access } = await open(municipality, county);
      const warned = await eventually('the alarm', async () => (await alarmsOf(authority, 'A-STM'))[0]);
      expect(warned).toMatchObject({ code: 'REVIEW_NEEDED', detail: expect.stringContaining(access.alert) });
      const ready = await bodyOf<{ warnings?: string[] }>(authority.anonymous().get('/readyz').expect(200));
      expect(ready.warnings).toEqual(['A-STM: 1 open alarm(s) REVIEW_NEEDED']);
      const toldOf = async (agency: HubAgency): Promise<AlertNotice[]> =>
        (await agency.mail()).flatMap(({ notice = '' }) => {
          const read = readStatement('alert-notice', notice);
          return read.ok && read.value.payload.alert === access.alert ? [read.value.payload] : [];
        });
      const by = municipality.id;
      expect(await toldOf(ombudsman)).toMatchObject([{ rule: 'break-glass', by, look: '/v1/audit/break-glass' }]);
      for (const other of [municipality, county, kela]) expect(await toldOf(other)).toEqual([]);
      expect(await review(ombudsman, access.grant)).toBe('OK');
    } finally {
      await authority.close();
    }
  });

  it('rings at the agent of a supervising authority that joins before it is reviewed', async () => {
    const { body: access } = await open(municipality, county);
    const pins = { pins: { ...running.hub.pins } as Record<string, string> };
    const late = await TestAgent.start(pins, [{ id: 'A-VM', keys: { useAfterSeconds: 0 } }]);
    try {
      await joinAlone(running, 'A-VM', late);
      const warned = await eventually('the alarm', async () => (await alarmsOf(late, 'A-VM'))[0]);
      expect(warned).toMatchObject({ code: 'REVIEW_NEEDED', detail: expect.stringContaining(access.alert) });
      expect(await alarmsOf(late, 'A-VM')).toHaveLength(1);
      expect(await review(ombudsman, access.grant)).toBe('OK');
    } finally {
      await late.close();
    }
  });

  it('is opened in no other agency’s name, and not by a supervising authority, which searches', async () => {
    const ofCounty = await opening(county, kela);
    expect(coded(await municipality.call('POST', '/v1/audit/break-glass', { opening: ofCounty }))).toBe(
      '403 SENDER_MISMATCH',
    );
    expect(coded(await open(ombudsman, county))).toBe('403 FORBIDDEN');
  });
});

describe('every route of oversight', () => {
  const routes: readonly (readonly [string, string])[] = [
    ['GET', '/v1/audit/alerts'],
    ['POST', '/v1/audit/alerts/acts'],
    ['GET', '/v1/audit/break-glass'],
    ['POST', '/v1/audit/break-glass'],
    ['GET', `/v1/audit/break-glass/${noHash}/entries`],
    ['POST', '/v1/audit/break-glass/reviews'],
    ['GET', '/v1/audit/holds'],
    ['POST', '/v1/audit/holds'],
    ['POST', '/v1/audit/holds/lifts'],
    ['GET', '/v1/audit/retention'],
    ['GET', '/v1/audit/erasures'],
    ['POST', '/v1/audit/erasures'],
    ['POST', '/v1/audit/erasures/approvals'],
    ['POST', '/v1/audit/erasures/runs'],
    ['GET', `/v1/audit/erasures/runs/${noHash}`],
  ];
  const answered = async (method: string, path: string, headers: Record<string, string>): Promise<string> => {
    const answer = await fetch(`${running.addresses.gateway}${path}`, { method, headers });
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    return coded({ status: answer.status, body: await answer.json(), headers: answer.headers });
  };

  it.each(routes)('%s %s needs a token', async (method, path) => {
    expect(await answered(method, path, {})).toBe('401 UNAUTHENTICATED');
  });

  it.each(routes)('%s %s takes no token that has expired', async (method, path) => {
    const headers = (await municipality.prepared(method, path)).headers;
    const expired = await expiredToken(municipality);
    expect(await answered(method, path, { ...headers, authorization: `DPoP ${expired}` })).toBe('401 UNAUTHENTICATED');
  });

  /** As identity made it, a while ago. */
  async function expiredToken(agency: HubAgency): Promise<string> {
    const jwk = JSON.parse(readFileSync(running.stack.folder.within('keys', 'identity.jwk'), 'utf8')) as JWK;
    const { keys } = (await (await fetch(`${running.addresses.issuer}/jwks`)).json()) as { keys: JWK[] };
    const claims = {
      iss: running.addresses.issuer,
      aud: running.addresses.audience,
      sub: agency.id,
      client_id: agency.id,
      agency: agency.id,
      scope: 'exchange',
      jti: randomUUID(),
      iat: numericDate(new Date()) - 400,
      exp: numericDate(new Date()) - 100,
      cnf: { jkt: await calculateJwkThumbprint((await agency.dpopKey()).jwk) },
    };
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: keys[0]!.kid! })
      .sign(await importJWK(jwk, 'ES256'));
  }
});

describe('the compiled command line', () => {
  /** As a person runs it: a process of its own, which finds the hub by its file. */
  const kotovayla = (...args: string[]): Promise<Ran> =>
    new Promise((resolve, reject) => {
      const env = { ...process.env, KOTOVAYLA_HUB: join(folder, 'hub.json') };
      const command = [compiled('apps/cli/src/main.js'), ...args, '--json'];
      execFile(process.execPath, command, { cwd: folder, env }, (error, stdout, stderr) => {
        if (stdout === '') return reject(new Error(`${args.slice(0, 2).join(' ')}: ${stderr}`, { cause: error }));
        resolve({
          code: typeof error?.code === 'number' ? error.code : 0,
          data: JSON.parse(stdout) as Record<string, unknown>,
        });
      });
    });
  const as = (agency: string): string[] => [
    '--agency',
    agency,
    '--vault',
    `${agency}.vault`,
    '--key-file',
    `${agency}.key`,
  ];
  const auditor = as('A-VTV');
  const signedBy = (agency: string): string[] => [...as(agency), '--worker', 'tarkastaja-9'];

  beforeAll(async () => {
    for (const agency of ['A-VTV', 'A-LVV']) {
      const { data } = await kotovayla('auditor', 'keys', ...as(agency));
      const operator = ['--agency', agency, '--business-id', '0245437-2', '--thumbprint', String(data['thumbprint'])];
      await kotovayla('agency', 'add', ...operator, '--name-fi', agency, '--name-sv', agency);
      expect(await kotovayla('auditor', 'publish', ...as(agency))).toMatchObject({ code: 0 });
    }
  }, 120_000);

  it('lists, takes up and ends alerts', async () => {
    await asksAboutManyPersons(municipality);
    let found: Alert | undefined;
    await until(async () => {
      const { data } = await kotovayla('alerts', 'list', ...auditor);
      found = (data['alerts'] as Alert[]).find(({ agency }) => agency === municipality.id);
      return found !== undefined;
    });
    const reason = ['--reason', 'planned-work'];
    expect(await kotovayla('alerts', 'acknowledge', found!.id, ...signedBy('A-VTV'), ...reason)).toMatchObject({
      code: 0,
      data: { alert: { state: 'acknowledged', actedBy: 'A-VTV' } },
    });
    expect(await kotovayla('alerts', 'close', found!.id, ...signedBy('A-LVV'), ...reason)).toMatchObject({
      code: 0,
      data: { alert: { state: 'closed' } },
    });
    expect(await kotovayla('alerts', 'close', found!.id, ...signedBy('A-VTV'), ...reason)).toMatchObject({
      code: 1,
      data: { problem: { code: 'CONFLICT' } },
    });
    const { data } = await kotovayla('alerts', 'list', ...auditor, '--closed');
    expect(data['alerts']).toContainEqual(expect.objectContaining({ id: found!.id, state: 'closed' }));
  });

  it('places, lists and lifts a hold', async () => {
    const { code, data } = await kotovayla('hold', 'place', ...signedBy('A-VTV'), '--of', 'H-03', '--matter', 'Dnro 1');
    expect(code).toBe(0);
    const { hold } = data['hold'] as { hold: string };
    expect((await kotovayla('hold', 'list', ...auditor)).data['holds']).toContainEqual(
      expect.objectContaining({ hold, agency: 'A-VTV', scope: 'agency' }),
    );
    expect(await kotovayla('hold', 'lift', hold, ...signedBy('A-LVV'))).toMatchObject({
      code: 0,
      data: { hold: { hold, liftedBy: 'A-LVV' } },
    });
  });

  it('opens the log in an emergency as a municipality, which two authorities see and one reviews', async () => {
    await appointed('K-049');
    const asked = ['--of', 'H-03', '--matter', 'Dnro 5', '--minutes', '5'];
    const unreasoned = await kotovayla('break-glass', 'open', ...signedBy('K-049'), ...asked, '--reason', 'curiosity');
    expect(unreasoned).toMatchObject({ code: 1, data: { problem: { code: 'REASON_UNKNOWN' } } });
    const opened = await kotovayla('break-glass', 'open', ...signedBy('K-049'), ...asked, '--reason', 'data-breach');
    expect(opened.code).toBe(0);
    const { grant } = opened.data['access'] as { grant: string };
    const looked = await kotovayla('break-glass', 'look', grant, ...signedBy('K-049'));
    expect((looked.data['entries'] as unknown[]).length).toBeGreaterThan(0);
    expect((await kotovayla('break-glass', 'list', ...auditor)).data['accesses']).toContainEqual(
      expect.objectContaining({ grant, agency: 'K-049', state: 'open' }),
    );
    const finding = ['--finding', 'justified'];
    expect(await kotovayla('break-glass', 'review', grant, ...signedBy('K-049'), ...finding)).toMatchObject({
      code: 1,
      data: { problem: { code: 'SAME_HAND' } },
    });
    expect(await kotovayla('break-glass', 'review', grant, ...signedBy('A-LVV'), ...finding)).toMatchObject({
      code: 0,
      data: { access: { state: 'reviewed', reviewedBy: 'A-LVV' } },
    });
  });

  it('is an auditor’s whose keys the agency vouched for, until it dismisses that auditor', async () => {
    const thumbprints = await appointed('K-092');
    const list = () => kotovayla('alerts', 'list', ...as('K-092'));
    expect(await list()).toMatchObject({ code: 0 });
    const dismissed = await kotovayla('auditor', 'dismiss', ...thumbprints, ...byAgency('K-092'));
    expect(dismissed).toMatchObject({ code: 0 });
    await until(async () => (await list()).code === 1);
    expect(await list()).toMatchObject({ data: { problem: { code: 'UNAUTHENTICATED' } } });
  });

  /** The vault that the agency's agent would hold. */
  const byAgency = (agency: string): string[] => [
    ...['--agency', agency],
    ...['--vault', `${agency}.agency.vault`, '--key-file', `${agency}.agency.key`],
  ];

  /** An agency joins and appoints an auditor, who made the keys. Gives their thumbprints. */
  async function appointed(id: string): Promise<string[]> {
    const agency = await running.agency(id);
    const secret = { keyFile: join(folder, `${id}.agency.key`) };
    await createKeyFile(secret.keyFile);
    const path = join(folder, `${id}.agency.vault`);
    await unwrap(await createVault({ path, secret, agency: agency.id })).put('signing', agency.signing, {});
    const { data } = await kotovayla('auditor', 'keys', ...as(id));
    await writeFile(join(folder, `${id}.json`), JSON.stringify(data));
    expect(await kotovayla('break-glass', 'list', ...as(id))).toMatchObject({ code: 1 });
    expect(await kotovayla('auditor', 'appoint', `${id}.json`, ...byAgency(id))).toMatchObject({ code: 0 });
    await until(async () => (await kotovayla('break-glass', 'list', ...as(id))).code === 0);
    return (data['keys'] as { thumbprint: string }[]).map(({ thumbprint }) => thumbprint);
  }

  it('tells how long what is kept, and how much of it there is', async () => {
    const { data } = await kotovayla('retention', 'list', ...auditor);
    expect((data['classes'] as { id: string }[]).map(({ id }) => id)).toContain('disclosure');
    const due = await kotovayla('retention', 'due', ...auditor);
    expect(due.code).toBe(0);
    expect(due.data['classes']).toContainEqual(expect.objectContaining({ class: 'proof-of-erasure' }));
  });

  it('refuses an erasure by one authority alone, and runs what two agreed on', async () => {
    await county.call('POST', '/v1/mismatches', { mismatch: 'no.such.token' });
    let leaf: number | undefined;
    await until(async () => {
      const path = '/v1/audit/entries?type=edge-refused&limit=500';
      const { body } = await county.call<{ entries: { leafIndex: number }[] }>('GET', path);
      leaf = body.entries.at(-1)?.leafIndex;
      return leaf !== undefined;
    });
    const accepting = ['--accept-unconfirmed', 'edge-refusal'];
    const proposed = await kotovayla(
      ...['erase', 'propose', ...signedBy('A-VTV'), '--ground', 'unlawful', '--indices', String(leaf), ...accepting],
    );
    const { proposal } = proposed.data['erasure'] as Erasure;
    expect(await kotovayla('erase', 'approve', proposal, ...signedBy('A-VTV'), ...accepting)).toMatchObject({
      code: 1,
      data: { problem: { code: 'SAME_HAND' } },
    });
    expect(await kotovayla('erase', 'approve', proposal, ...signedBy('A-LVV'), ...accepting)).toMatchObject({
      code: 0,
    });
    expect(await kotovayla('erase', 'run', ...auditor)).toMatchObject({ code: 0, data: { erased: 1 } });
    expect((await kotovayla('erase', 'status', ...auditor)).data['erasures']).toContainEqual(
      expect.objectContaining({ proposal, state: 'erased' }),
    );
  });

  it('writes a client’s account as PDF and JSON, proved from the log to leave nothing out', async () => {
    const context = municipality.context(county, 'request', { categories: [11], basis: [statute([11])] });
    const sealed = await municipality.seal(county, context);
    await municipality.post(sealed);
    await county.mailUntil(county.message(sealed.manifestHash));
    expect((await county.release(sealed.manifestHash)).released).toBeDefined();
    const [subject] = context.subjects;
    const told = async (name: string, ...more: string[]): Promise<[Ran, DisclosureReport]> => {
      const ran = await kotovayla('report', subject!, ...auditor, '--out', `${name}.pdf`, '--language', 'sv', ...more);
      expect((await readFile(join(folder, `${name}.pdf`))).subarray(0, 5).toString()).toBe('%PDF-');
      return [ran, JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')) as DisclosureReport];
    };
    const [ran, account] = await told('account');
    expect(ran).toMatchObject({ code: 0, data: { proof: { complete: true, faults: [] } } });
    expect(account).toMatchObject({ person: subject, madeBy: 'A-VTV', namesWithheld: false });
    expect(account.disclosures).toContainEqual(expect.objectContaining({ from: 'K-235', to: 'H-03', basis: 'law' }));
    expect(account.provedComplete?.treeSize).toBeGreaterThan(100);
    const [, withheld] = await told('custodian', '--withhold-names');
    expect(withheld.disclosures).toHaveLength(account.disclosures.length);
    expect(JSON.stringify(withheld)).not.toMatch(/K-235|H-03|A-VTV/);
    // Somebody looks in an emergency at all that the county has, this client's entries among it.
    const scope = { by: 'agency' as const, agency: county.id };
    const asked = { scope, reason: 'data-breach', matter: 'Dnro 5/2026', minutes: 10 };
    const opening = await signed(employment, 'break-glass', asked);
    const { body: access } = await employment.call<{ grant: string }>('POST', '/v1/audit/break-glass', { opening });
    const from = account.disclosures[0]!.logIndex!;
    const look = `/v1/audit/break-glass/${access.grant}/entries?askedBy=tarkastaja-1&from=${from}`;
    const { body: seen } = await employment.call<{ entries: { body: string }[] }>('GET', look);
    expect(seen.entries.some(({ body }) => body.includes(subject!))).toBe(true);
    const [again, later] = await told('account-later');
    expect(again).toMatchObject({ code: 0, data: { proof: { complete: true, faults: [] } } });
    expect(later.processing).toContainEqual(
      expect.objectContaining({ what: 'looked', agency: 'T-01', code: 'break-glass-shown' }),
    );
    const [, hidden] = await told('custodian-later', '--withhold-names');
    expect(hidden.processing).toContainEqual(expect.objectContaining({ what: 'looked', code: 'break-glass-shown' }));
    expect(JSON.stringify(hidden)).not.toMatch(/T-01|tarkastaja/);
  });

  it('is refused with keys that the hub does not know', async () => {
    await kotovayla('auditor', 'keys', ...as('A-OMA'));
    expect(await kotovayla('alerts', 'list', ...as('A-OMA'))).toMatchObject({
      code: 1,
      data: { problem: { code: 'UNAUTHENTICATED' } },
    });
  });
});
