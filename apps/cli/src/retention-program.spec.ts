import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type SigningKey, type VerificationKey, importVerificationKey, verifyStatement } from '#envelope';
import { agencyId, canonicalJson, sha256, systemClock, unwrap } from '#kernel';
import { openAgencyVault } from './infra/auditor-vault.js';
import { makeAuditorKeys } from './make-auditor-keys/make-auditor-keys.js';
import { runCli } from './program.js';
import { FakeHub } from './testing/fake-hub.fixture.js';
import { SmallLog } from './testing/small-log.fixture.js';

const agency = agencyId('A-TSV');
const audience = 'urn:test:gateway';
const indices = [
  { first: 3, last: 7 },
  { first: 9, last: 9 },
];
const proposal = 'p'.repeat(43);
const accepted = {
  id: 'inquiry',
  floor: '',
  ceiling: '2 years',
  ground: 'GDPR 5(1)(e)',
  entries: 6,
};
const erasure = (members: object = {}) => ({
  proposal,
  state: 'proposed',
  ground: 'unlawful',
  proposer: 'K-235',
  proposedAt: '2026-11-25T10:00:00.000Z',
  indices,
  targets: sha256(canonicalJson(indices)),
  entries: 6,
  persons: 3,
  holds: [],
  accepted: [accepted],
  ...members,
});

let folder: string;
let hub: FakeHub;
let client: SigningKey;
let key: VerificationKey;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'retention-program-'));
  const files = { vault: join(folder, 'a.vault'), keyFile: join(folder, 'a.key') };
  await makeAuditorKeys(agency, files, systemClock);
  const vault = await openAgencyVault(agency, files);
  client = unwrap(vault.current('auditor-auth'));
  key = unwrap(await importVerificationKey(unwrap(vault.current('auditor-signing')).publicJwk));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  const { kid, publicJwk: jwk } = client;
  hub = await FakeHub.start(SmallLog.ofSize(1), { id: `${agency}:auditor`, kid, jwk, audience });
});
afterEach(() => hub.stop());

async function kotovayla(...command: string[]): Promise<{ code: number; data: Record<string, unknown>; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const who = ['--agency', agency, '--worker', 'w-1', '--vault', 'a.vault', '--key-file', 'a.key', '--json'];
  const code = await runCli([...command, ...who], {
    env: { GATEWAY_URL: hub.url, IDENTITY_ISSUER: hub.url, AUDIENCE: audience },
    folder,
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  });
  return {
    code,
    data: out.length === 0 ? {} : (JSON.parse(out.join('\n')) as Record<string, unknown>),
    err: err.join(),
  };
}

const posted = (): unknown[] => hub.called.filter(({ call }) => call.startsWith('POST')).map(({ body }) => body);

describe('erase show', () => {
  it('shows what a proposal selects and accepts, by a look that says who looks', async () => {
    hub.answers.set('GET /v1/audit/erasures', { erasures: [erasure({ proposal: 'o'.repeat(43) }), erasure()] });
    const { code, data } = await kotovayla('erase', 'show', proposal);
    expect(code).toBe(0);
    expect(data['erasure']).toMatchObject({
      proposal,
      indices: [
        [3, 7],
        [9, 9],
      ],
      entries: 6,
      persons: 3,
      accepted: [accepted],
    });
    expect(hub.called).toEqual([{ call: 'GET /v1/audit/erasures', query: 'askedBy=w-1', body: undefined }]);
    const look = unwrap(await verifyStatement('audit-look', hub.looks[0]!, key));
    expect(look).toMatchObject({ call: 'GET /v1/audit/erasures', worker: 'w-1', scope: 'all' });
    expect(posted()).toEqual([]);
  });

  it('knows no other proposal than those that audit lists', async () => {
    hub.answers.set('GET /v1/audit/erasures', { erasures: [erasure()] });
    const { code, data } = await kotovayla('erase', 'show', 'x'.repeat(43));
    expect(code).toBe(1);
    expect(data).toMatchObject({ ok: false, problem: { code: 'NOT_FOUND' } });
  });
});

describe('erase approve', () => {
  const approve = (...accepts: string[]) =>
    kotovayla('erase', 'approve', proposal, ...(accepts.length > 0 ? ['--accept-unconfirmed', ...accepts] : []));

  it('signs exactly the list that is shown, with the classes that both accept', async () => {
    hub.answers.set('GET /v1/audit/erasures', { erasures: [erasure()] });
    hub.answers.set('POST /v1/audit/erasures/approvals', erasure({ state: 'approved', approver: agency }));
    const { code, data } = await approve('inquiry');
    expect({ code, data }).toMatchObject({ code: 0, data: { erasure: { state: 'approved', approver: agency } } });
    const [{ approval }] = posted() as [{ approval: string }];
    expect(unwrap(await verifyStatement('erasure-approval', approval, key))).toMatchObject({
      proposal,
      targets: sha256(canonicalJson(indices)),
      count: 6,
      acceptsUnconfirmed: ['inquiry'],
      agency,
      worker: 'w-1',
    });
  });

  it.each([
    ['not named', []],
    ['named beside another one', ['inquiry', 'disclosure']],
    ['another one', ['disclosure']],
  ])('signs nothing where the accepted class is %s', async (_how, accepts) => {
    hub.answers.set('GET /v1/audit/erasures', { erasures: [erasure()] });
    const { code, data } = await approve(...accepts);
    expect(code).toBe(1);
    expect(data).toMatchObject({ problem: { code: 'RETENTION_UNCONFIRMED' }, erasure: { accepted: [accepted] } });
    expect(posted()).toEqual([]);
  });

  it('signs nothing where a class is named and the proposal accepts none', async () => {
    hub.answers.set('GET /v1/audit/erasures', { erasures: [erasure({ accepted: [] })] });
    expect(await approve('inquiry')).toMatchObject({ code: 1, data: { problem: { code: 'RETENTION_UNCONFIRMED' } } });
    expect(posted()).toEqual([]);
  });

  it('signs no list that the hub calls by another hash', async () => {
    hub.answers.set('GET /v1/audit/erasures', { erasures: [erasure({ targets: sha256('another list') })] });
    expect(await approve('inquiry')).toMatchObject({ code: 1, data: { problem: { code: 'TARGETS_DIFFER' } } });
    expect(posted()).toEqual([]);
  });

  it('needs to know whose act it is', async () => {
    const err: string[] = [];
    const code = await runCli(['erase', 'approve', proposal, '--agency', agency, '--vault', 'a', '--key-file', 'b'], {
      env: {},
      folder,
      out: () => undefined,
      err: (line) => err.push(line),
    });
    expect(code).toBe(2);
    expect(err.join()).toContain('--worker');
  });
});

describe('retention unconfirmed', () => {
  const listed = (id: string, confirmed: boolean) => ({
    id,
    names: { en: id },
    floor: { unit: 'years', count: 12 },
    ceiling: { unit: 'years', count: 13 },
    ground: '703/2023',
    source: 'the Act’s annex',
    confirmed,
    ...(!confirmed && { open: 'from which day the years count' }),
  });

  it('lists what nobody has compared with the law, and what is open about it', async () => {
    const classes = [listed('inquiry', false), listed('disclosure', true), listed('keys', false)];
    hub.answers.set('GET /v1/audit/retention', { data: { version: 1, classes, grounds: [] } });
    const { code, data } = await kotovayla('retention', 'unconfirmed');
    expect(code).toBe(0);
    expect(data['classes']).toEqual([classes[0], classes[2]]);
  });

  it('says so where there is none', async () => {
    hub.answers.set('GET /v1/audit/retention', {
      data: { version: 1, classes: [listed('inquiry', true)], grounds: [] },
    });
    expect(await kotovayla('retention', 'unconfirmed')).toMatchObject({ code: 0, data: { classes: [] } });
  });
});
